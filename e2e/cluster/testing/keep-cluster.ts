// Starts a cluster, prints its name, and waits to be killed: the owner for the tests of suites/another-cluster.ts.
import { startCluster } from '../cluster.ts';
import { busyboxPod } from './pod.ts';

const cluster = await startCluster({ nodes: 'full', certManager: false });
await cluster.apply(busyboxPod('left-behind'));
await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/left-behind', '--timeout=60s']);
console.log(cluster.name);
process.stdin.resume();
