// A fake of the driver whose volumes the agent takes over. It registers with the kubelet under the same name and uses
// the volume layout from docs/migration.md; its certificates are prepared in advance.
import { SocketServer } from '../../../apps/node-agent/src/csi/socket-server.ts';
import {
  IdentityService,
  NodeServiceCapability_RPC_Type,
  NodeService,
} from '../../../apps/node-agent/gen/csi/v1/csi.ts';
import type { IdentityServer, NodeServer } from '../../../apps/node-agent/gen/csi/v1/csi.ts';
import { RegistrationService } from '../../../apps/node-agent/gen/pluginregistration/v1/api.ts';
import type { RegistrationServer } from '../../../apps/node-agent/gen/pluginregistration/v1/api.ts';
import { continuedVolumes, mountMemory, publishVolume, renewPrepared, unpublishVolume } from './peer-volume.ts';
import type { FakeDriverOptions } from './peer-volume.ts';

const options = JSON.parse(process.argv[2] ?? '') as FakeDriverOptions;
const driverName = 'csi.cert-manager.io';
const socket = `/var/lib/kubelet/plugins/${driverName}/csi.sock`;

const identity: IdentityServer = {
  getPluginInfo: (_call, answer) => answer(null, { name: driverName, vendorVersion: 'stand-in', manifest: {} }),
  getPluginCapabilities: (_call, answer) => answer(null, { capabilities: [] }),
  probe: (_call, answer) => answer(null, { ready: true }),
};

const node: NodeServer = {
  nodePublishVolume: ({ request }, answer) => {
    publishVolume(options, request);
    answer(null, {});
  },
  nodeUnpublishVolume: ({ request }, answer) => {
    unpublishVolume(options, request);
    answer(null, {});
  },
  nodeGetCapabilities: (_call, answer) =>
    answer(null, { capabilities: [{ rpc: { type: NodeServiceCapability_RPC_Type.VOLUME_MOUNT_GROUP } }] }),
  nodeGetInfo: (_call, answer) => answer(null, { nodeId: options.nodeName, maxVolumesPerNode: 0 }),
};

const registration: RegistrationServer = {
  getInfo: (_call, answer) =>
    answer(null, { type: 'CSIPlugin', name: driverName, endpoint: socket, supportedVersions: ['1.0.0'] }),
  notifyRegistrationStatus: ({ request }, answer) => {
    console.log(request.pluginRegistered ? 'registered' : `refused: ${request.error}`);
    answer(null, {});
  },
};

mountMemory(options.dataRoot);
continuedVolumes(options.dataRoot);
const csi = new SocketServer(socket);
csi.add(IdentityService, identity);
csi.add(NodeService, node);
const registrar = new SocketServer(`/var/lib/kubelet/plugins_registry/${driverName}-stand-in-reg.sock`);
registrar.add(RegistrationService, registration);
await csi.start();
await registrar.start();

// The test decides when a renewal is due.
process.on('SIGUSR1', () => renewPrepared(options));
// As when helm uninstalls that driver: the sockets disappear, the volumes and their tmpfs stay.
process.once('SIGTERM', () => void Promise.all([csi.stop(1000), registrar.stop(1000)]).then(() => process.exit(0)));
