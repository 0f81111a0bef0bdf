import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import type { MethodDefinition, ServiceDefinition, ServiceError, UntypedServiceImplementation } from '@grpc/grpc-js';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { IdentityService, NodePublishVolumeRequest, NodeService } from '../../libs/csi-client/gen/csi/v1/csi.ts';

type Raw = (request: Buffer) => Promise<Buffer>;

const identityPrefix = '/csi.v1.Identity/';
/** PluginCapability{service: {type: CONTROLLER_SERVICE}} in a list of one. */
const controllerCapability = Buffer.from('0a040a020801', 'hex');

/**
 * A proxy between csi-sanity, which only knows provisioned volumes, and a driver of inline volumes. It replaces what
 * Kubernetes does for such a driver: the volume comes from the pod (CreateVolume returns a generated id with
 * `volumeContext`), and it is published read-only. All other bytes are forwarded unchanged.
 */
export class InlineVolumeProxy {
  readonly #server = new Server();
  readonly #driver: Client;
  readonly #volumeContext: Readonly<Record<string, string>>;
  #volumes = 0;

  constructor(driverSocket: string, volumeContext: Readonly<Record<string, string>>) {
    this.#driver = new Client(`unix:${driverSocket}`, credentials.createInsecure());
    this.#volumeContext = volumeContext;
    for (const service of [IdentityService, NodeService]) this.#serve(service);
    this.#serveController();
  }

  async start(socketPath: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  stop(): void {
    this.#server.forceShutdown();
    this.#driver.close();
  }

  #serve(service: ServiceDefinition): void {
    const methods = Object.values(service);
    this.#add(methods.map((method) => [method.path, (request) => this.#forward(method, request)]));
  }

  #serveController(): void {
    const empty: Raw = () => Promise.resolve(Buffer.alloc(0));
    this.#add([
      ['/csi.v1.Controller/ControllerGetCapabilities', empty],
      ['/csi.v1.Controller/DeleteVolume', empty],
      ['/csi.v1.Controller/CreateVolume', () => Promise.resolve(this.#newVolume())],
    ]);
  }

  /** CreateVolumeResponse{volume: {volume_id, volume_context}}. */
  #newVolume(): Buffer {
    const volume = new BinaryWriter().tag(2, WireType.LengthDelimited).string(`sanity-${(this.#volumes += 1)}`);
    for (const [key, value] of Object.entries(this.#volumeContext)) {
      volume
        .tag(3, WireType.LengthDelimited)
        .fork()
        .tag(1, WireType.LengthDelimited)
        .string(key)
        .tag(2, WireType.LengthDelimited)
        .string(value)
        .join();
    }
    return Buffer.from(new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(volume.finish()).finish());
  }

  async #forward({ path }: MethodDefinition<unknown, unknown>, request: Buffer): Promise<Buffer> {
    const isPublish = path.endsWith('/NodePublishVolume');
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const bytes = (value: Buffer): Buffer => value;
      this.#driver.makeUnaryRequest(path, bytes, bytes, isPublish ? readOnly(request) : request, (error, response) =>
        error === null && response !== undefined ? resolve(response) : reject(error ?? new Error('no answer')),
      );
    });
    return path === `${identityPrefix}GetPluginCapabilities` ? Buffer.concat([answer, controllerCapability]) : answer;
  }

  #add(methods: readonly (readonly [string, Raw])[]): void {
    const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
    const implementation: UntypedServiceImplementation = {};
    const bytes = (value: Buffer): Buffer => value;
    const codec = {
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    for (const [path, handle] of methods) {
      definition[path] = { path, requestStream: false, responseStream: false, ...codec };
      implementation[path] = (call: { request: Buffer }, done: (error: ServiceError | null, answer?: Buffer) => void) =>
        void handle(call.request).then(
          (answer) => done(null, answer),
          (error: unknown) => done(error as ServiceError),
        );
    }
    this.#server.addService(definition, implementation);
  }
}

function readOnly(request: Buffer): Buffer {
  return Buffer.from(
    NodePublishVolumeRequest.encode({ ...NodePublishVolumeRequest.decode(request), readonly: true }).finish(),
  );
}
