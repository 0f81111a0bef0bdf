import type { APIResponse, Route } from 'playwright-core';

/** The controller's response to a request of the page, also when the page already has the same one. */
export async function wholeResponse(route: Route): Promise<APIResponse> {
  const headers = { ...route.request().headers() };
  delete headers['if-none-match'];
  return route.fetch({ headers });
}
