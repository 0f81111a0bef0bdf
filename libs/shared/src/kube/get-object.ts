import { asCertfleetError } from '../errors.ts';
import type { ApiRequest, KubeClient } from './api-client.ts';

/**
 * Reads an object; undefined if it does not exist.
 * @throws CertfleetError as KubeClient.request does
 */
export async function getObject(
  client: Pick<KubeClient, 'request'>,
  target: Omit<ApiRequest, 'verb'>,
): Promise<unknown> {
  try {
    return await client.request({ ...target, verb: 'get' });
  } catch (thrown) {
    const error = asCertfleetError(thrown);
    if (error.code === 'not-found') return undefined;
    throw error;
  }
}
