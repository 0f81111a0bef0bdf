import type { Selection } from './shrink.ts';

/** A schedule that once broke a rule. */
export interface RegressionSeed {
  readonly seed: number;
  /** What of the seed's scenario it takes. */
  readonly selection: Selection;
  /** What was wrong. */
  readonly was: string;
}

/** Every fault of the agent that the simulation found, in the smallest schedule that shows it. */
export const seeds: readonly RegressionSeed[] = [
  {
    seed: 85,
    selection: { faults: [6, 14], volumes: ['csi-43'] },
    was: 'one file that could not be read at a start (EMFILE) set a running pod’s volume aside until the next start',
  },
  {
    seed: 1018,
    selection: { faults: [3], volumes: ['csi-8'] },
    was: 'a kill between the swap of the files and their links let the pod start without any file',
  },
  {
    seed: 1103,
    selection: { faults: [0, 1, 2, 3, 4, 5, 6, 7, 8], volumes: ['csi-2', 'csi-3', 'csi-6', 'csi-7'] },
    was: 'a publish waited for its volume’s lock behind several renewals by job, past the kubelet’s deadline',
  },
  {
    seed: 1122,
    selection: { faults: [0, 1, 2, 3, 6, 7, 8, 9], volumes: ['csi-5', 'csi-9', 'csi-10', 'csi-12'] },
    was: 'a publish deleted a stale request without regard to its deadline while the API server throttled',
  },
  {
    seed: 1030,
    selection: { faults: [18], volumes: ['csi-4'] },
    was: 'a renewal that failed while the wall clock was ahead was tried again at a time of that clock',
  },
  {
    seed: 10,
    selection: { faults: [100, 104], volumes: ['csi-13'] },
    was: 'a list that failed was repeated every 150 ms for as long as the API server answered 503',
  },
  {
    seed: 2,
    selection: { faults: [2, 3], volumes: ['csi-2'] },
    was: 'a volume that was overdue at a start was looked for before it was known, and never renewed',
  },
  {
    seed: 10,
    selection: { faults: [3], volumes: ['csi-12'] },
    was: 'a publish that could not look at the mount of an existing volume ended with a final code: the kubelet forgot it',
  },
  {
    seed: 7,
    selection: { faults: [9, 16], volumes: ['csi-5'] },
    was: 'an answer that expired before it could be stored counted as a refusal, and the pod waited an hour',
  },
  {
    seed: 8,
    selection: { faults: [6, 7], volumes: ['csi-0'] },
    was: 'an answer that expired while the agent was down counted as a refusal, and the pod waited an hour',
  },
  {
    seed: 17,
    selection: { faults: [7], volumes: ['csi-40'] },
    was: 'an issuer that signed other keys was asked again every 76 s after each answer that was waited for twice',
  },
  {
    seed: 21,
    selection: { faults: [0, 1, 5, 11, 13, 15, 17, 18], volumes: ['csi-0', 'csi-4', 'csi-5'] },
    was: 'with a controller a failed renewal waited its grace and its back-off, past the end of the certificate',
  },
  {
    seed: 106,
    selection: { faults: [2, 16, 31], volumes: ['csi-1'] },
    was: 'the second answer that expired before it could be stored counted as a refusal',
  },
];
