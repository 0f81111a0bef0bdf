/** Series of a test in promtool's notation: `1+0x60` is the value 1 for 60 minutes, `_x60` an hour without samples. */
export type Series = Readonly<Record<string, string>>;

/** A fault: the series that differ from a healthy fleet, and the alerts that fire after an hour of it. */
export interface AlertCase {
  readonly fault: string;
  readonly series: Series;
  /** By name, with the alert's labels except severity. */
  readonly fires: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const always = (value: number): string => `${value}+0x120`;
const issuer = 'ClusterIssuer.cert-manager.io//corporate';
const podSigner = 'example.com/internal';
const agent = (node: string): string =>
  `namespace="cert-manager",job="certfleet",node="${node}",instance="${node}:9402"`;
const replica = (name: string): string =>
  `namespace="cert-manager",job="renewal-controller",instance="${name}:9402",pod="${name}"`;
const signerReplica = (name: string): string =>
  `namespace="cert-manager",job="pod-certificate-signer",instance="${name}:9402",pod="${name}"`;

/** The series of a healthy agent. */
function agentSeries(node: string): Series {
  const of = agent(node);
  const states = { ready: 40, pending: 0, failing: 0, expired: 0 };
  return {
    [`up{${of}}`]: always(1),
    ...Object.fromEntries(
      Object.entries(states).map(([state, count]) => [
        `certfleet_agent_volumes{${of},state="${state}"}`,
        always(count),
      ]),
    ),
    [`certfleet_agent_volumes_overdue{${of}}`]: always(0),
    [`certfleet_agent_volumes_expiring_soon{${of},left="1/2"}`]: always(0),
    [`certfleet_agent_volumes_expiring_soon{${of},left="1/4"}`]: always(0),
    [`certfleet_agent_damaged_volumes{${of}}`]: always(0),
    [`certfleet_agent_tmpfs_size_bytes{${of}}`]: always(1000),
    [`certfleet_agent_tmpfs_free_bytes{${of}}`]: always(400),
    [`certfleet_agent_tmpfs_inodes{${of}}`]: always(1000),
    [`certfleet_agent_tmpfs_free_inodes{${of}}`]: always(900),
    [`certfleet_agent_volumes_without_certificate{${of}}`]: always(0),
    [`certfleet_agent_pod_mounts{${of},state="matched"}`]: always(40),
    [`certfleet_agent_pod_mounts{${of},state="missing"}`]: always(0),
    [`certfleet_agent_pod_mounts{${of},state="unknown"}`]: always(0),
    [`certfleet_agent_probed_volumes{${of},state="served"}`]: always(30),
    [`certfleet_agent_probed_volumes{${of},state="renewed"}`]: '0 1 2 0 1 0x115',
    [`certfleet_agent_probed_volumes{${of},state="not-loaded"}`]: '0 1x5 0x115',
    [`certfleet_agent_probed_volumes{${of},state="unknown"}`]: always(3),
    [`certfleet_agent_reloads_total{${of},result="failed"}`]: always(0),
    [`certfleet_agent_controller_connected{${of}}`]: always(1),
    [`certfleet_agent_issuances_total{${of},cause="job",result="success"}`]: '0+2x120',
    [`certfleet_agent_issuances_total{${of},cause="deadline",result="success"}`]: always(3),
    [`certfleet_agent_csi_request_duration_seconds_count{${of},method="NodePublishVolume",code="OK"}`]: '0+1x120',
    // Wrong attributes of a pod are its owner's fault, not certfleet's.
    [`certfleet_agent_csi_request_duration_seconds_count{${of},method="NodePublishVolume",code="INVALID_ARGUMENT"}`]:
      '0+1x120',
  };
}

/** The series of a healthy controller replica. */
function replicaSeries(name: string): Series {
  const of = replica(name);
  const lag = (le: string): string => `certfleet_controller_report_lag_seconds_bucket{${of},le="${le}"}`;
  return {
    [`up{${of}}`]: always(1),
    [`certfleet_controller_index_current{${of}}`]: always(1),
    [`certfleet_controller_rollouts_blocked{${of}}`]: always(0),
    [`certfleet_controller_posture_violations{${of},kind="lifetime"}`]: always(0),
    [`certfleet_controller_volumes{${of},state="healthy",issuer="${issuer}"}`]: always(80),
    [`certfleet_controller_pod_certificates{${of},signer="${podSigner}",state="issued"}`]: always(20),
    [`certfleet_controller_pod_certificates{${of},signer="${podSigner}",state="pending"}`]: '0 3 2 0 5x116',
    [`certfleet_controller_pod_certificates_current{${of}}`]: always(1),
    [`certfleet_controller_volumes_expired{${of}}`]: always(0),
    [`certfleet_controller_volumes_overdue{${of}}`]: always(0),
    [`certfleet_controller_volumes_expiring_soon{${of},left="1/2"}`]: always(0),
    [`certfleet_controller_volumes_expiring_soon{${of},left="1/4"}`]: always(0),
    [`certfleet_controller_nodes{${of},state="online"}`]: always(2),
    [`certfleet_controller_nodes{${of},state="silent"}`]: always(0),
    [`certfleet_controller_lane_lag_seconds{${of},issuer="${issuer}"}`]: '0 30 0 20 0 10x115',
    [`certfleet_controller_lane_depth{${of},issuer="${issuer}",waiting="queued"}`]: always(50),
    [`certfleet_controller_lane_depth{${of},issuer="${issuer}",waiting="blocked"}`]: always(0),
    [`certfleet_controller_policies_current{${of}}`]: always(1),
    [`certfleet_controller_redis_reachable{${of}}`]: always(1),
    [`certfleet_controller_redis_may_evict{${of}}`]: always(0),
    [`certfleet_controller_redis_problem{${of},kind="refuses-writes"}`]: always(0),
    [`certfleet_controller_redis_state_loss_total{${of},lost="everything"}`]: always(0),
    [`certfleet_controller_redis_memory_used_bytes{${of}}`]: always(100),
    [`certfleet_controller_redis_memory_limit_bytes{${of}}`]: always(1000),
    [lag('0.5')]: '0+9x120',
    [lag('60')]: '0+9x120',
    [lag('+Inf')]: '0+9x120',
  };
}

/** The series of a replica of the pod certificate signer. */
function signerSeries(name: string, isLeading: boolean): Series {
  const of = signerReplica(name);
  return {
    [`up{${of}}`]: always(1),
    [`certfleet_signer_leader{${of}}`]: always(isLeading ? 1 : 0),
    [`certfleet_signer_ready{${of},signer="internal"}`]: always(1),
    [`certfleet_signer_oldest_start_seconds{${of},signer="internal"}`]: '0 300 0x118',
  };
}

const daemonSet = 'namespace="cert-manager",daemonset="certfleet",job="kube-state-metrics",instance="ksm:8080"';

/** Two nodes, two replicas, no faults. */
export const fleetInOrder: Series = {
  [`kube_daemonset_status_desired_number_scheduled{${daemonSet}}`]: always(2),
  [`kube_daemonset_status_number_ready{${daemonSet}}`]: always(2),
  ...agentSeries('n1'),
  ...agentSeries('n2'),
  ...replicaSeries('c1'),
  ...replicaSeries('c2'),
  ...signerSeries('s1', true),
  ...signerSeries('s2', false),
};

const n1 = agent('n1');
const both = (series: (of: string) => Series): Series => ({ ...series(replica('c1')), ...series(replica('c2')) });
const gone = (start: (of: string) => Series): Series =>
  Object.fromEntries(Object.keys(start('')).map((name) => [name, '_x120']));

/** Every fault that has an alert. */
export const alertCases: readonly AlertCase[] = [
  {
    fault: 'a certificate has expired on one node',
    series: { [`certfleet_agent_volumes{${n1},state="expired"}`]: always(2) },
    fires: { CertfleetVolumeExpired: {} },
  },
  {
    fault: 'a certificate has expired on a node without an agent',
    series: {
      ...gone(() => agentSeries('n1')),
      [`up{${n1}}`]: always(0),
      ...both((of) => ({
        [`certfleet_controller_silent_node_volumes{${of},state="expired"}`]: always(2),
        [`certfleet_controller_nodes{${of},state="silent"}`]: always(1),
      })),
    },
    fires: { CertfleetSilentNodeExpired: {}, CertfleetAgentDown: {}, CertfleetAgentSilent: {} },
  },
  {
    fault: 'a silent node has expired certificates, and its agent is not scraped',
    series: both((of) => ({ [`certfleet_controller_volumes_expired{${of}}`]: always(2) })),
    fires: { CertfleetVolumeExpired: {} },
  },
  {
    fault: "the API server refuses the controller's credentials",
    series: both((of) => ({ [`certfleet_controller_reviews_total{${of},result="forbidden"}`]: '0+2x120' })),
    fires: { CertfleetReviewsFailing: {} },
  },
  {
    fault: 'some reviews fail',
    series: both((of) => ({
      [`certfleet_controller_reviews_total{${of},result="unavailable"}`]: '0+1x120',
      [`certfleet_controller_reviews_total{${of},result="answered"}`]: '0+9x120',
    })),
    fires: {},
  },
  {
    fault: 'a renewal has failed until a quarter of its time is left',
    series: {
      [`certfleet_agent_volumes{${n1},state="failing"}`]: always(1),
      [`certfleet_agent_volumes_expiring_soon{${n1},left="1/2"}`]: always(1),
      [`certfleet_agent_volumes_expiring_soon{${n1},left="1/4"}`]: always(1),
      ...both((of) => ({
        [`certfleet_controller_volumes{${of},state="failing",issuer="${issuer}"}`]: always(1),
      })),
    },
    fires: { CertfleetVolumeAboutToExpire: {}, CertfleetVolumeExpiresSoon: {}, CertfleetRenewalFailing: { issuer } },
  },
  {
    fault: 'half of the time for a renewal is over, as only the controller can report',
    series: both((of) => ({ [`certfleet_controller_volumes_expiring_soon{${of},left="1/2"}`]: always(1) })),
    fires: { CertfleetVolumeExpiresSoon: {} },
  },
  {
    fault: 'an agent hangs and renews nothing',
    series: { [`certfleet_agent_volumes_overdue{${n1}}`]: always(3) },
    fires: { CertfleetRenewalOverdue: {} },
  },
  {
    fault: 'volumes of a silent node were never retried',
    series: both((of) => ({ [`certfleet_controller_volumes_overdue{${of}}`]: always(3) })),
    fires: { CertfleetRenewalOverdue: {} },
  },
  {
    fault: 'an issuer refuses requests',
    series: both((of) => ({
      [`certfleet_controller_volumes{${of},state="failing",issuer="${issuer}"}`]: always(12),
    })),
    fires: { CertfleetRenewalFailing: { issuer } },
  },
  {
    fault: 'no mount succeeds',
    series: Object.fromEntries(
      ['n1', 'n2'].flatMap((node) => {
        const name = `certfleet_agent_csi_request_duration_seconds_count{${agent(node)},method="NodePublishVolume"`;
        return [
          [`${name},code="OK"}`, always(50)],
          [`${name},code="UNAVAILABLE"}`, '0+1x120'],
        ];
      }),
    ),
    fires: { CertfleetMountFailing: {} },
  },
  {
    fault: "first certificates of one issuer's pods are delayed, while others start",
    series: { [`certfleet_agent_volumes_without_certificate{${n1}}`]: always(1) },
    fires: { CertfleetMountFailing: {} },
  },
  {
    fault: 'the mounts of one pod are finally refused, while others start',
    series: {
      [`certfleet_agent_csi_request_duration_seconds_count{${n1},method="NodePublishVolume",code="FAILED_PRECONDITION"}`]:
        '0+1x120',
    },
    fires: { CertfleetMountFailing: {} },
  },
  {
    fault: 'a slow issuer needs two attempts for each of many mounts',
    series: {
      [`certfleet_agent_csi_request_duration_seconds_count{${n1},method="NodePublishVolume",code="DEADLINE_EXCEEDED"}`]:
        '0+1x120',
    },
    fires: {},
  },
  {
    fault: 'pods have volumes that the agent does not know',
    series: { [`certfleet_agent_pod_mounts{${n1},state="unknown"}`]: always(29) },
    fires: { CertfleetMountMismatch: { node: 'n1', instance: 'n1:9402', state: 'unknown' } },
  },
  {
    fault: 'an agent renews a volume that is not the one its pod sees',
    series: { [`certfleet_agent_pod_mounts{${n1},state="missing"}`]: always(1) },
    fires: { CertfleetMountMismatch: { node: 'n1', instance: 'n1:9402', state: 'missing' } },
  },
  {
    fault: 'a node has no agent pod',
    series: {
      ...gone(() => agentSeries('n1')),
      [`kube_daemonset_status_number_ready{${daemonSet}}`]: always(1),
    },
    fires: { CertfleetAgentDown: {} },
  },
  {
    fault: 'Prometheus has no agents, and there is no kube-state-metrics',
    series: {
      ...gone(() => agentSeries('n1')),
      ...gone(() => agentSeries('n2')),
      [`kube_daemonset_status_desired_number_scheduled{${daemonSet}}`]: '_x120',
      [`kube_daemonset_status_number_ready{${daemonSet}}`]: '_x120',
    },
    fires: { CertfleetAgentDown: { namespace: 'cert-manager', job: 'certfleet' } },
  },
  {
    fault: 'an agent does not respond',
    series: { [`up{${n1}}`]: always(0) },
    fires: { CertfleetAgentDown: {} },
  },
  {
    fault: 'an agent has lost its sockets, so that it is not ready although Prometheus can scrape it',
    series: { [`kube_daemonset_status_number_ready{${daemonSet}}`]: always(1) },
    fires: { CertfleetAgentDown: {} },
  },
  {
    fault: 'the tmpfs of a node is close to its reserve',
    series: { [`certfleet_agent_tmpfs_free_bytes{${n1}}`]: always(150) },
    fires: { CertfleetAgentTmpfsNearlyFull: { node: 'n1', instance: 'n1:9402' } },
  },
  {
    fault: 'the tmpfs of a node is low on inodes',
    series: { [`certfleet_agent_tmpfs_free_inodes{${n1}}`]: always(150) },
    fires: { CertfleetAgentTmpfsNearlyFull: { node: 'n1', instance: 'n1:9402' } },
  },
  {
    fault: 'an agent has not mounted its tmpfs yet, so that inodes are not limited',
    series: {
      [`certfleet_agent_tmpfs_size_bytes{${n1}}`]: always(0),
      [`certfleet_agent_tmpfs_free_bytes{${n1}}`]: always(0),
      [`certfleet_agent_tmpfs_inodes{${n1}}`]: always(0),
      [`certfleet_agent_tmpfs_free_inodes{${n1}}`]: always(0),
    },
    fires: {},
  },
  {
    fault: 'an agent found volumes that it cannot restore',
    series: { [`certfleet_agent_damaged_volumes{${n1}}`]: always(2) },
    fires: { CertfleetAgentDamagedVolumes: { node: 'n1', instance: 'n1:9402' } },
  },
  {
    fault: 'an agent cannot connect',
    series: {
      [`certfleet_agent_controller_connected{${n1}}`]: always(0),
      ...both((of) => ({ [`certfleet_controller_nodes{${of},state="silent"}`]: always(1) })),
    },
    fires: { CertfleetAgentDisconnected: {}, CertfleetAgentSilent: {} },
  },
  {
    fault: 'an agent renewed at its fallback deadline',
    series: {
      [`certfleet_agent_issuances_total{${n1},cause="deadline",result="success"}`]: '3+0x55 4+0x60',
    },
    fires: { CertfleetFallbackDeadlineUsed: {} },
  },
  {
    fault: 'the controller is unavailable',
    series: {
      ...gone(() => replicaSeries('c1')),
      ...gone(() => replicaSeries('c2')),
      ...both((of) => ({ [`up{${of}}`]: always(0) })),
    },
    fires: { CertfleetControllerDown: {} },
  },
  {
    fault: 'Prometheus does not have the controller as a target',
    series: { ...gone(() => replicaSeries('c1')), ...gone(() => replicaSeries('c2')) },
    fires: { CertfleetControllerDown: {} },
  },
  {
    fault: 'one replica cannot load the index',
    series: { [`certfleet_controller_index_current{${replica('c2')}}`]: always(0) },
    fires: { CertfleetIndexStale: {} },
  },
  {
    fault: 'a lane does not start due renewals',
    series: both((of) => ({ [`certfleet_controller_lane_lag_seconds{${of},issuer="${issuer}"}`]: '0+60x120' })),
    fires: { CertfleetLaneStuck: { issuer } },
  },
  {
    fault: 'a lane is outside its window',
    series: both((of) => ({
      [`certfleet_controller_lane_lag_seconds{${of},issuer="${issuer}"}`]: '0+60x120',
      [`certfleet_controller_lane_stopped{${of},issuer="${issuer}",reason="window"}`]: always(1),
    })),
    fires: {},
  },
  {
    fault: 'a lane was paused and forgotten',
    series: both((of) => ({
      [`certfleet_controller_lane_lag_seconds{${of},issuer="${issuer}"}`]: '0+60x120',
      [`certfleet_controller_lane_stopped{${of},issuer="${issuer}",reason="paused"}`]: always(1),
    })),
    fires: { CertfleetLanePaused: { issuer } },
  },
  {
    fault: 'a pod has not loaded its renewed certificate',
    series: { [`certfleet_agent_probed_volumes{${n1},state="not-loaded"}`]: '0x30 1x90' },
    fires: { CertfleetCertificateNotLoaded: { node: 'n1' } },
  },
  {
    fault: 'a container could not be signalled after a renewal',
    series: { [`certfleet_agent_reloads_total{${n1},result="failed"}`]: '0x55 1x65' },
    fires: { CertfleetReloadFailed: { node: 'n1' } },
  },
  {
    fault: 'a renewal has stopped after failed attempts',
    series: both((of) => ({ [`certfleet_controller_renewal_stopped{${of},renewal="roll"}`]: always(1) })),
    fires: { CertfleetRenewalStopped: { renewal: 'roll' } },
  },
  {
    fault: 'a renewal waits for an approval for an hour',
    series: both((of) => ({ [`certfleet_controller_renewal_awaiting_approval{${of},renewal="roll"}`]: always(1) })),
    fires: { CertfleetRenewalAwaitingApproval: { renewal: 'roll' } },
  },
  {
    fault: 'a renewal was approved after half an hour',
    series: both((of) => ({ [`certfleet_controller_renewal_awaiting_approval{${of},renewal="roll"}`]: '1x30 _x90' })),
    fires: {},
  },
  {
    fault: 'certificates violate a limit',
    series: both((of) => ({
      [`certfleet_controller_posture_violations{${of},kind="rsa-bits"}`]: always(3),
      [`certfleet_controller_posture_violations{${of},kind="lifetime"}`]: always(0),
    })),
    fires: { CertfleetPostureViolated: { kind: 'rsa-bits' } },
  },
  {
    fault: 'a PodDisruptionBudget blocks the rollout of a workload',
    series: { [`certfleet_controller_rollouts_blocked{${replica('c1')}}`]: always(1) },
    fires: { CertfleetRolloutBlocked: {} },
  },
  {
    fault: 'a kubelet does not refresh a pod certificate, and another one has expired',
    series: both((of) => ({
      [`certfleet_controller_pod_certificates{${of},signer="${podSigner}",state="overdue"}`]: always(1),
      [`certfleet_controller_pod_certificates{${of},signer="${podSigner}",state="expired"}`]: always(1),
    })),
    fires: { CertfleetPodCertificateOverdue: { signer: podSigner } },
  },
  {
    fault: 'a signer has denied a pod certificate',
    series: both((of) => ({
      [`certfleet_controller_pod_certificates{${of},signer="${podSigner}",state="denied"}`]: always(1),
    })),
    fires: { CertfleetPodCertificateRefused: { signer: podSigner, state: 'denied' } },
  },
  {
    fault: 'no replica can follow the pod certificates',
    series: both((of) => ({ [`certfleet_controller_pod_certificates_current{${of}}`]: always(0) })),
    fires: { CertfleetPodCertificatesOutdated: {} },
  },
  {
    fault: 'one replica has not loaded the pod certificates',
    series: { [`certfleet_controller_pod_certificates_current{${replica('c1')}}`]: always(0) },
    fires: {},
  },
  {
    fault: 'a pod takes ten minutes to load each renewed certificate',
    series: { [`certfleet_agent_probed_volumes{${n1},state="not-loaded"}`]: '0x54 1x9 0x60' },
    fires: {},
  },
  {
    fault: 'an empty lane is paused',
    series: both((of) => ({
      [`certfleet_controller_lane_stopped{${of},issuer="${issuer}",reason="paused"}`]: always(1),
      [`certfleet_controller_lane_depth{${of},issuer="${issuer}",waiting="queued"}`]: always(0),
    })),
    fires: {},
  },
  {
    fault: 'Redis is down, so that the controller knows nothing of the fleet',
    series: both((of) => ({
      ...Object.fromEntries(Object.keys(replicaSeries('c1')).map((name) => [name.replace(replica('c1'), of), '_x120'])),
      [`up{${of}}`]: always(1),
      [`certfleet_controller_index_current{${of}}`]: always(0),
      [`certfleet_controller_redis_reachable{${of}}`]: always(0),
    })),
    fires: { CertfleetRedisDown: {} },
  },
  {
    fault: 'one replica cannot read the LanePolicies',
    series: { [`certfleet_controller_policies_current{${replica('c1')}}`]: always(0) },
    fires: { CertfleetPoliciesUnknown: {} },
  },
  {
    fault: 'a pod does not load its certificate in a CA rotation',
    series: both((of) => ({
      [`certfleet_controller_ca_rotation_stopped{${of},rotation="corporate",reason="NotLoaded"}`]: always(1),
    })),
    fires: { CertfleetCaRotationStopped: { rotation: 'corporate', reason: 'NotLoaded' } },
  },
  {
    fault: 'an issuer signs with another CA',
    series: both((of) => ({
      [`certfleet_controller_ca_rotation_proposed{${of},rotation="proposed-1"}`]: always(1),
    })),
    fires: { CertfleetCaRotationProposed: { rotation: 'proposed-1' } },
  },
  {
    fault: 'Redis is full',
    series: both((of) => ({ [`certfleet_controller_redis_problem{${of},kind="refuses-writes"}`]: always(1) })),
    fires: { CertfleetRedisProblem: { kind: 'refuses-writes' } },
  },
  {
    fault: 'Redis restarted empty',
    series: both((of) => ({ [`certfleet_controller_redis_state_loss_total{${of},lost="everything"}`]: '0x50 1x70' })),
    fires: { CertfleetRedisStateLoss: { lost: 'everything' } },
  },
  {
    fault: 'Redis evicts',
    series: both((of) => ({ [`certfleet_controller_redis_may_evict{${of}}`]: always(1) })),
    fires: { CertfleetRedisMayEvict: {} },
  },
  {
    fault: 'Redis is nearly full',
    series: both((of) => ({ [`certfleet_controller_redis_memory_used_bytes{${of}}`]: always(950) })),
    fires: { CertfleetRedisFull: {} },
  },
  {
    fault: 'reports arrive late',
    series: both((of) => ({
      [`certfleet_controller_report_lag_seconds_bucket{${of},le="0.5"}`]: always(0),
    })),
    fires: { CertfleetReportLag: {} },
  },
  {
    fault: 'the pod certificate signer is unavailable',
    series: {
      ...gone(() => signerSeries('s1', true)),
      ...gone(() => signerSeries('s2', false)),
      [`up{${signerReplica('s1')}}`]: always(0),
      [`up{${signerReplica('s2')}}`]: always(0),
    },
    fires: { CertfleetSignerDown: {} },
  },
  {
    fault: 'no replica of the signer gets the Lease',
    series: { [`certfleet_signer_leader{${signerReplica('s1')}}`]: always(0) },
    fires: { CertfleetSignerDown: {} },
  },
  {
    fault: 'the lead of the signer changes',
    series: {
      [`certfleet_signer_leader{${signerReplica('s1')}}`]: '1x60 0x60',
      [`certfleet_signer_leader{${signerReplica('s2')}}`]: '0x62 1x58',
    },
    fires: {},
  },
  {
    fault: 'the CA of a PodCertificateSigner is missing',
    series: { [`certfleet_signer_ready{${signerReplica('s1')},signer="internal"}`]: always(0) },
    fires: { CertfleetSignerNotReady: { signer: 'internal' } },
  },
  {
    fault: 'the signer does not reach the controller',
    series: {
      [`certfleet_signer_lane_shared{${signerReplica('s1')},issuer="ClusterIssuer.cert-manager.io//ca"}`]: always(0),
    },
    fires: { CertfleetSignerLaneNotShared: { issuer: 'ClusterIssuer.cert-manager.io//ca' } },
  },
  {
    fault: 'a pod waits for its certificate',
    series: {
      [`certfleet_signer_oldest_start_seconds{${signerReplica('s1')},signer="internal"}`]: '0x40 0+60x80',
    },
    fires: { CertfleetPodCertificateWaiting: { signer: 'internal' } },
  },
];
