// The English sentences about what the controller finds: it sends them, and the page has them among its messages. Without
// schemas, so that the page can import them without a validator.
import type { PostureFacts, PostureLimitFacts } from './posture-limits.ts';
import type { Problem, ProblemFacts } from './problems.ts';
import type { ExpirySpan, PostureKind, ProblemKind, redisProblems } from './vocabulary.ts';

/** Facts that are times. The sentence has the phrase of each: `since` a time or for a duration; `at` a time or ago. */
type TimeFact = 'since' | 'at';

/** The facts of a kind with the phrases of their times. */
type StatedFacts<Kind extends ProblemKind, Part> = {
  readonly [Fact in keyof ProblemFacts[Kind]]: Fact extends TimeFact ? Part : ProblemFacts[Kind][Fact];
};

/** One sentence for each kind of problem, of what its facts are. */
export type ProblemTexts<Part, Text> = {
  readonly [Kind in ProblemKind]: (facts: StatedFacts<Kind, Part>) => Text;
};

/** One text for each kind of limit for certificates. */
export type PostureTexts = { readonly [Kind in PostureKind]: (facts: PostureFacts[Kind]) => string };

/**
 * How texts are made of numbers and other values.
 * @template Part a value in a text, such as an element of a page
 * @template Text a whole text
 */
export interface TextFormat<Part, Text> {
  readonly number: (value: number) => string;
  /** `#` is the count. */
  readonly plural: (count: number, forms: { readonly one: string; readonly other: string }) => string;
  readonly rich: (texts: TemplateStringsArray, ...parts: (Part | string)[]) => Text;
}

/** The sentence of a problem in the language of the texts. */
export function problemText<Part, Text>(
  { kind, facts }: Problem,
  texts: ProblemTexts<Part, Text>,
  times: Readonly<Record<TimeFact, (at: string) => Part>>,
): Text {
  const stated = Object.entries(facts).map(([name, value]: [string, unknown]) => [
    name,
    name === 'since' || name === 'at' ? times[name](value as string) : value,
  ]);
  // The compiler does not follow that kind and facts belong together.
  const text = texts[kind] as (facts: unknown) => Text;
  return text(Object.fromEntries(stated));
}

/** The text of a limit for certificates in the language of the texts. */
export function postureText({ kind, facts }: PostureLimitFacts, texts: PostureTexts): string {
  const text = texts[kind] as (facts: unknown) => string;
  return text(facts);
}

const fallback = 'agents renew at their fallback deadlines';

const redisProblemTexts: Readonly<Record<(typeof redisProblems)[number], string>> = {
  unreachable: 'Redis does not answer',
  'not-primary': 'Redis is a replica and accepts no writes',
  'refuses-writes': 'Redis refuses writes',
  forbidden: 'Redis denies commands that the controller needs',
};

/** The message of an error at the end of a sentence. */
const because = (message: string | undefined): string => (message === undefined ? '' : `: ${message}`);

/** Problems, doubts and reasons of the verdict in English. */
export const englishProblems = <Part, Text>(format: TextFormat<Part, Text>): ProblemTexts<Part, Text> => ({
  ...fleetProblems(format),
  ...volumeProblems(format),
  ...laneProblems(format),
  ...podCertificateProblems(format),
});

type TextsOf<Kind extends ProblemKind, Part, Text> = Pick<ProblemTexts<Part, Text>, Kind>;
type FleetKind = 'index-not-loaded' | 'lanes-unreadable' | 'intent-outdated' | 'at-risk' | NodeKind | RedisKind;
type NodeKind = 'node-silent' | 'nodes-silent';
type RedisKind = 'redis-unreachable' | 'redis-problem' | 'redis-evicts';

const fleetProblems = <Part, Text>({
  plural,
  number,
  rich,
}: TextFormat<Part, Text>): TextsOf<FleetKind, Part, Text> => ({
  'redis-unreachable': () => rich`Redis is unreachable: ${fallback}, and the counts are the last known`,
  'redis-problem': ({ problem, message }) =>
    rich`${redisProblemTexts[problem]}: ${fallback}. Redis reports: ${message}`,
  'redis-evicts': ({ policy }) =>
    rich`Redis may evict scheduled renewals: its maxmemory-policy is ${policy}, expected noeviction`,
  'index-not-loaded': () => rich`The index of volumes is not loaded: the counts may be outdated`,
  'lanes-unreadable': () => rich`The lanes of issuers cannot be read`,
  'intent-outdated': ({ message }) => rich`Pauses of lanes may be outdated: ${message}`,
  'at-risk': ({ volumes }) =>
    rich`${plural(volumes, { one: '# volume is not certain to be renewed', other: '# volumes are not certain to be renewed' })}`,
  'node-silent': ({ node, since }) => rich`node ${node} has been silent ${since}`,
  'nodes-silent': ({ nodes, node, since }) => rich`${number(nodes)} nodes are silent, ${node} ${since}`,
});

type VolumeKind =
  'expires-soon' | 'expired' | 'overdue' | 'failing' | 'more-failing' | 'not-loaded' | 'more-not-loaded';

const volumeProblems = <Part, Text>({
  plural,
  number,
  rich,
}: TextFormat<Part, Text>): TextsOf<VolumeKind, Part, Text> => ({
  'expires-soon': ({ volumes, hours }) =>
    rich`${plural(volumes, { one: '# volume expires', other: '# volumes expire' })} within ${number(hours)} h, and ${plural(volumes, { one: 'is', other: 'are' })} failing or overdue`,
  expired: ({ volumes }) => rich`${plural(volumes, { one: '# volume has expired', other: '# volumes have expired' })}`,
  overdue: ({ volumes }) =>
    rich`${plural(volumes, { one: '# volume is overdue', other: '# volumes are overdue' })}: neither the controller nor the agent renewed in time`,
  failing: ({ volumes, issuer, since, message }) =>
    rich`${plural(volumes, { one: '# volume', other: '# volumes' })} of issuer ${issuer} ${plural(volumes, { one: 'has', other: 'have' })} been failing ${since}${because(message)}`,
  'more-failing': ({ issuers }) =>
    rich`${plural(issuers, { one: '# more issuer with failing volumes', other: '# more issuers with failing volumes' })}`,
  'not-loaded': ({ namespace, pod, since }) =>
    since === undefined
      ? rich`pod ${namespace}/${pod} has not loaded its renewed certificate: its server must reload`
      : rich`pod ${namespace}/${pod} has not loaded its renewed certificate ${since}: its server must reload`,
  'more-not-loaded': ({ pods }) =>
    rich`${plural(pods, { one: '# more pod has', other: '# more pods have' })} not loaded the renewed certificate`,
});

type LaneKind = 'lane-paused' | 'lane-backing-off' | 'more-lanes-stopped' | RenewalKind;
type RenewalKind = `${'' | 'more-'}renewal${'' | 's'}-${'stopped' | 'awaiting-approval'}` & ProblemKind;

const laneProblems = <Part, Text>({ plural, rich }: TextFormat<Part, Text>): TextsOf<LaneKind, Part, Text> => {
  const left = (pending: number): string =>
    plural(pending, { one: '# volume is not renewed', other: '# volumes are not renewed' });
  const failed = (failures: number): string =>
    plural(failures, { one: '# failed attempt', other: '# failed attempts' });
  const wait = (renewals: number): string => plural(renewals, { one: '# renewal waits', other: '# renewals wait' });
  return {
    'renewal-stopped': ({ reason, at, failures, pending }) =>
      at === undefined
        ? rich`the renewal “${reason}” stopped after ${failed(failures)}: ${left(pending)}`
        : rich`the renewal “${reason}” stopped ${at} after ${failed(failures)}: ${left(pending)}`,
    'more-renewals-stopped': ({ renewals }) =>
      rich`${plural(renewals, { one: '# more renewal has stopped', other: '# more renewals have stopped' })}`,
    'renewal-awaiting-approval': ({ reason, pending }) =>
      rich`the renewal “${reason}” waits for an approval after its canary: ${left(pending)}`,
    'more-renewals-awaiting-approval': ({ renewals }) =>
      rich`${plural(renewals, { one: '# more renewal waits', other: '# more renewals wait' })} for an approval`,
    'lane-paused': ({ issuer, by, at, reason, waiting }) =>
      rich`the lane of issuer ${issuer} was paused by ${by} ${at}: ${reason}; ${wait(waiting)}`,
    'lane-backing-off': ({ issuer, since, waiting, message }) =>
      rich`the lane of issuer ${issuer} has been backing off ${since}; ${wait(waiting)}${because(message)}`,
    'more-lanes-stopped': ({ lanes }) =>
      rich`${plural(lanes, { one: '# more lane', other: '# more lanes' })} paused or backing off`,
  };
};

type PodCertificateKind = Extract<ProblemKind, `${'' | 'more-'}pod-certificates-${string}`>;

const podCertificateProblems = <Part, Text>({
  plural,
  rich,
}: TextFormat<Part, Text>): TextsOf<PodCertificateKind, Part, Text> => {
  const count = (certificates: number): string =>
    plural(certificates, { one: '# pod certificate', other: '# pod certificates' });
  const were = (certificates: number): string => plural(certificates, { one: 'was', other: 'were' });
  const have = (certificates: number): string => plural(certificates, { one: 'has', other: 'have' });
  return {
    'pod-certificates-denied': ({ certificates, signer, at, message }) =>
      rich`${count(certificates)} of signer ${signer} ${were(certificates)} denied, the first ${at}${because(message)}`,
    'pod-certificates-failed': ({ certificates, signer, at, message }) =>
      rich`${count(certificates)} of signer ${signer} ${were(certificates)} failed by the signer, the first ${at}${because(message)}`,
    'pod-certificates-expired': ({ certificates, signer, at }) =>
      rich`${count(certificates)} of signer ${signer} ${have(certificates)} expired, the first ${at}`,
    'pod-certificates-overdue': ({ certificates, signer, since }) =>
      rich`${count(certificates)} of signer ${signer} ${have(certificates)} been overdue ${since}: the kubelet has not refreshed in time`,
    'pod-certificates-waiting': ({ certificates, signer, since }) =>
      rich`${count(certificates)} of signer ${signer} ${have(certificates)} waited for a certificate ${since}`,
    'more-pod-certificates-at-risk': ({ groups }) =>
      rich`${plural(groups, { one: '# more signer and reason', other: '# more signers and reasons' })} with pod certificates at risk`,
    'pod-certificates-not-loaded': ({ message }) => rich`the pod certificates are not loaded yet${because(message)}`,
    'pod-certificates-outdated': ({ message }) => rich`the pod certificates may be outdated${because(message)}`,
    'pod-certificates-unknown': ({ certificates }) =>
      rich`${count(certificates)} ${plural(certificates, { one: 'is', other: 'are' })} unknown until the next refresh`,
  };
};

/** What the limits for certificates exclude, in English. */
export const englishPostureLimits: PostureTexts = {
  // Without separators, as in names of keys.
  'rsa-bits': ({ bits }) => `RSA keys below ${bits} bits`,
  signature: ({ algorithms }) => `Signatures with ${algorithms.join(' or ')}`,
  lifetime: ({ longest }) => `Lifetimes over ${longest}`,
  ca: () => 'Certificates of a CA',
};

/** Spans of time until certificates expire, in English. */
export const englishExpirySpans: Readonly<Record<ExpirySpan, string>> = {
  expired: 'expired',
  '10m': 'within 10 min',
  '1h': '10 to 60 min',
  '6h': '1 to 6 h',
  '24h': '6 to 24 h',
  '7d': '1 to 7 d',
  '30d': '7 to 30 d',
  '90d': '30 to 90 d',
  later: 'later',
};
