import type { IssuanceCause, IssuancePath } from '@certfleet/fleet-model/issuance-causes.ts';
import type {
  LaneStatus,
  ProbeFailure,
  ServedState,
  VolumeStatus,
  WaitReason,
} from '@certfleet/fleet-model/vocabulary.ts';
import { englishExpirySpans, englishPostureLimits, englishProblems } from '@certfleet/operator-api/english-texts.ts';
import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import type { Renewal, RenewalDetail } from '@certfleet/operator-api/renewals.ts';
import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import type { Summary, Verdict } from '@certfleet/operator-api/summary.ts';
import type {
  PodCertificateGroupKey,
  PodCertificateRiskReason,
  PodCertificateState,
} from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import type { Format, Part, Rich, Tag } from './format.ts';

/** One text for each word of a vocabulary. */
type Texts<Word extends string, Text = string> = Readonly<Record<Word, Text>>;
type RiskReason = NonNullable<VolumeRow['risk']>['reason'];

/** The texts of the page in English, by view. A translation has the same messages with the same parameters. */
export const en = ({ number, plural, list, rich }: Format) => ({
  /** Words of more than one view. */
  common: {
    cancel: 'Cancel',
    clearFilters: 'Clear filters',
    close: 'Close',
    firstPage: 'First page',
    next: 'Next',
    previous: 'Previous',
    pages: 'Pages',
    noResults: 'No results',
    reason: 'Reason',
    reasonHint: 'Shown with the progress and recorded in the audit log',
    renewAll: 'Renew all…',
    retryFailed: 'Retry failed and expired…',
    states: 'States',
    asCsv: 'As CSV',
    asJson: 'As JSON',
    export: 'Export',
    whatToDo: 'What to do',
    unusableFilter: ({ filter }: { filter: Part }) =>
      rich`The address has a filter that is unknown or has an unusable value: ${filter}`,
    unusableFilterShow: ({ filter, showAll }: { filter: Part; showAll: Part }) =>
      rich`The address has a filter that is unknown or has an unusable value: ${filter}. ${showAll}`,
    all: (count: number) => `All ${number(count)}`,
    andMore: (count: number) => `and ${number(count)} more`,
    clearFilter: (filter: string) => `Clear filter ${filter}`,
    detailsOf: (name: string) => `Details of ${name}`,
    since: (at: Part) => rich`since ${at}`,
  },

  /** Numbers with what they count. */
  counts: {
    volumes: (count: number) => plural(count, { one: '# volume', other: '# volumes' }),
    certificates: (count: number) => plural(count, { one: '# certificate', other: '# certificates' }),
    issuers: (count: number) => plural(count, { one: '# issuer', other: '# issuers' }),
    nodes: (count: number) => plural(count, { one: '# node', other: '# nodes' }),
    failedAttempts: (count: number) => plural(count, { one: '# failed attempt', other: '# failed attempts' }),
  },

  /** Names of properties: titles of columns and of facts. */
  fields: {
    action: 'Action',
    agent: 'Agent',
    approved: 'Approved',
    atRisk: 'At risk',
    attempts: 'Attempts',
    audit: 'Audit',
    ca: 'CA',
    canary: 'Canary',
    cause: 'Cause',
    consecutiveFailures: 'Consecutive failures',
    count: 'Count',
    dnsNames: 'DNS names',
    duration: 'Duration',
    error: 'Error',
    expires: 'Expires',
    inFlight: 'In flight',
    issuance: 'Issuance',
    issuances: 'Issuances',
    issued: 'Issued',
    issuer: 'Issuer',
    key: 'Key',
    kind: 'Kind',
    labels: 'Labels',
    lastAttempt: 'Last attempt',
    lastError: 'Last error',
    lastSeen: 'Last seen',
    lifetime: 'Lifetime',
    message: 'Message',
    namespace: 'Namespace',
    node: 'Node',
    outcome: 'Outcome',
    pod: 'Pod',
    rate: 'Rate',
    reason: 'Reason',
    refreshFrom: 'Refresh from',
    renews: 'Renews',
    result: 'Result',
    risk: 'Risk',
    serial: 'Serial',
    served: 'Served',
    sha256: 'SHA-256',
    signature: 'Signature',
    signer: 'Signer',
    soonestExpiry: 'Soonest expiry',
    state: 'State',
    subject: 'Subject',
    target: 'Target',
    time: 'Time',
    type: 'Type',
    until: 'Until',
    usages: 'Usages',
    user: 'User',
    validFrom: 'Valid from',
    version: 'Version',
    volume: 'Volume',
    volumes: 'Volumes',
    waiting: 'Waiting',
    windows: 'Windows',
    workload: 'Workload',
  },

  /** Points in time and durations. Digits come from the locale. */
  time: {
    milliseconds: (value: string) => `${value} ms`,
    /** With a fraction. */
    preciseSeconds: (value: string) => `${value} s`,
    seconds: (value: string) => `${value}s`,
    minutes: (value: string) => `${value}m`,
    hours: (value: string) => `${value}h`,
    days: (value: string) => `${value}d`,
    /** Two units, the larger one first. */
    units: ({ larger, smaller }: { larger: string; smaller: string }) => `${larger} ${smaller}`,
    now: 'now',
    future: (duration: string) => `in ${duration}`,
    past: (duration: string) => `${duration} ago`,
    /** In a sentence about what lasts, after its verb. */
    lasting: (duration: string) => `for ${duration}`,
    since: (at: string) => `since ${at}`,
    /** In a sentence about what happened, as `past` is. */
    at: (at: string) => `at ${at}`,
    date: ({ year, month, day }: { year: string; month: string; day: string }) => `${year}-${month}-${day}`,
    /** On an axis. */
    dateOfYear: ({ month, day }: { month: string; day: string }) => `${month}-${day}`,
    clock: ({ hour, minute, second }: { hour: string; minute: string; second: string }) =>
      `${hour}:${minute}:${second}`,
    clockOfDay: ({ hour, minute }: { hour: string; minute: string }) => `${hour}:${minute}`,
    /** @param zone an offset such as `+01:00`, or `utc` */
    timestamp: ({ date, clock, zone }: { date: string; clock: string; zone: string }) => `${date} ${clock} ${zone}`,
    utc: 'UTC',
    menu: {
      label: 'Times and updates: ',
      local: 'local',
      zone: 'Zone',
      localTime: 'Local time',
      form: 'Form',
      relative: 'Relative to now',
      exact: 'Exact',
      pause: 'Pause live updates',
    },
  },

  views: {
    overview: 'Overview',
    atRisk: 'At risk',
    volumes: 'Volumes',
    podCertificates: 'Pod certificates',
    lanes: 'Lanes',
    nodes: 'Nodes',
    cas: 'CAs',
    renewals: 'Renewals',
    rotations: 'Rotations',
    caRotations: 'CA rotations',
    audit: 'Audit',
    auditLog: 'Audit log',
    wall: 'Wall',
  },

  app: {
    notFound: {
      title: 'Page not found',
      heading: 'There is no page at this address',
      text: ({ overview, volumes }: { overview: Tag; volumes: Tag }) =>
        rich`Go to the ${overview('overview')}, or search the ${volumes('volumes')}.`,
    },
    noResponse: 'The controller does not respond.',
    offline: 'This device is offline.',
    clockAhead: (duration: string) =>
      `The clock of this device is ${duration} ahead of the controller’s. Times relative to now use the controller’s clock.`,
    clockBehind: (duration: string) =>
      `The clock of this device is ${duration} behind the controller’s. Times relative to now use the controller’s clock.`,
    top: {
      skip: 'Skip to the content',
      home: 'certfleet, overview',
      views: 'Views',
      cluster: (name: string) => `Cluster ${name}`,
      clusterLabel: 'Cluster ',
      viewOnly: 'view only',
      noSignIn: 'no sign-in',
      noSignInMeaning: 'Started without sign-in, on the loopback interface only',
      signOut: 'Sign out',
      theme: {
        system: 'Theme: as the device. Change to light',
        light: 'Theme: light. Change to dark',
        dark: 'Theme: dark. Change to as the device',
      },
    },
    palette: {
      title: 'Commands',
      label: 'Command or search',
      placeholder: 'Go to a view, change a setting, or search',
      goTo: (view: string) => `Go to ${view}`,
      expiredVolumes: 'Expired and failing volumes',
      volumesByNamespace: 'Volumes by namespace',
      volumesByIssuer: 'Volumes by issuer',
      volumesByNode: 'Volumes by node',
      deniedPodCertificates: 'Denied and overdue pod certificates',
      silentNodes: 'Silent nodes',
      localTime: 'Show times in local time',
      utc: 'Show times in UTC',
      relative: 'Show times relative to now',
      exact: 'Show exact times',
      theme: { system: 'Theme: as the device', light: 'Theme: light', dark: 'Theme: dark' },
      searchVolumes: (text: string) => `Search volumes for “${text}”`,
      searchLanes: (text: string) => `Search lanes for “${text}”`,
      searchAudit: (text: string) => `Search the audit log for “${text}”`,
    },
    shortcuts: {
      title: 'Keyboard shortcuts',
      controlKey: 'Ctrl K',
      rowKeys: 'j, k',
      rangeKey: 'X',
      escapeKey: 'Esc',
      search: 'Search the view, or the volumes',
      palette: 'Commands: go to a view, change a setting, search',
      rows: 'Next and previous row of a table; Enter opens it',
      select: 'Select the row, or clear its selection',
      selectRange: 'Select all rows from the one before to this row',
      details: 'Details of the row, without leaving the table',
      pause: 'Pause live updates, or continue',
      form: 'Times relative to now, or exact',
      zone: 'Times in local time, or in UTC',
      list: 'This list',
      close: 'Close a dialog or a menu',
    },
  },

  session: {
    signIn: 'Sign in',
    signingIn: 'Signing in…',
    title: 'Sign in to certfleet',
    hasEnded: 'Your session has ended. Sign in to return to the previous page.',
    token: 'Kubernetes token',
    help: ({ resource }: { resource: Part }) =>
      rich`Paste the token of a service account that may view ${resource}. You get one with`,
    once: 'The token is used once and not stored; the session ends when it expires.',
    rejected: 'Kubernetes rejects this token. It may have expired: create a new one.',
    forbidden: 'This account may not view the fleet. It needs the verb view on volumes.certfleet.io.',
    tooMany: 'Too many attempts. Wait a minute.',
  },

  /** Failures that the page finds itself. What the server reports is shown as it is. */
  errors: {
    noResponse: 'the controller does not respond',
    noResponseToChange: 'the controller does not respond; it is unknown whether it has acted',
    timeout: (seconds: number) =>
      plural(seconds, {
        one: 'the controller has not responded for # second',
        other: 'the controller has not responded for # seconds',
      }),
    timeoutOfChange: (seconds: number) =>
      plural(seconds, {
        one: 'the controller has not responded for # second; it is unknown whether it has acted',
        other: 'the controller has not responded for # seconds; it is unknown whether it has acted',
      }),
    replayed: 'a proxy returned the response of an earlier request',
    incomplete: 'the response of the controller is incomplete',
    status: (status: string) => `the server responded with status ${status}`,
    advice: {
      unavailable:
        'The page retries automatically. If this lasts, check that the controller runs: kubectl get pods --all-namespaces -l app.kubernetes.io/component=renewal-controller',
      forbidden: 'Ask your cluster administrator for the verb view on volumes.certfleet.io.',
      notFound: 'It may have been removed. Search for it in the table of volumes.',
      tooMany: 'Wait a minute, then try again.',
      invalid: 'Clear the filter that was set last.',
      other: 'See the controller’s log for details.',
    },
    tryAgain: 'Try again',
  },

  ui: {
    anotherTime: 'Another time…',
    typedTime: (label: string) => `${label}: a time`,
    timeHint: 'A length such as 36h, or a time such as 2026-03-01 12:00, in the zone of the page unless it has one',
    timeProblem: 'Enter a length such as 30m, 36h or 7d, or a time such as 2026-03-01 12:00.',
    noRenewRight:
      'You have read access only: this needs the verb renew on volumes.certfleet.io. Ask your cluster administrator for it.',
    notCurrent: 'The data that this would act on is not current. Wait until the page has loaded it again.',
    reasonHint: 'Shown with the lane and recorded in the audit log',
    sending: 'Sending…',
    dismiss: 'Dismiss',
    loading: 'Loading',
    notLoaded: 'Not loaded.',
    stale: ({ strong, at, age }: { strong: Tag; at: string; age: string }) =>
      rich`${strong('Not current:')} as of ${at}, ${age} ago.`,
    columnWidth: (column: string) => `Width of ${column}`,
    automaticWidth: 'automatic',
    pixels: (count: number) => plural(count, { one: '# pixel', other: '# pixels' }),
    selectAll: 'Select all rows of this page',
    select: (name: string) => `Select ${name}`,
    volumesByState: 'Volumes by state',
    noClipboard: 'The browser does not allow copying; select the text instead.',
    copy: {
      caFingerprint: 'Copy CA fingerprint',
      caPem: 'Copy CA as PEM',
      certfleetCommand: 'Copy certfleet command',
      certificatePem: 'Copy certificate as PEM',
      certificateText: 'Copy certificate text',
      command: 'Copy command',
      fingerprint: 'Copy fingerprint',
      fingerprintOf: (start: string) => `Copy fingerprint ${start}`,
      issuerKey: 'Copy issuer key',
      issuerName: 'Copy issuer name',
      name: 'Copy name',
      namespace: 'Copy namespace',
      nodeName: 'Copy node name',
      podName: 'Copy pod name',
      podUid: 'Copy pod UID',
      serial: 'Copy serial',
      volumeId: 'Copy volume id',
    },
  },

  /** States of volumes and lanes. */
  states: {
    expired: 'Expired',
    failing: 'Failing',
    overdue: 'Overdue',
    'in-flight': 'In flight',
    due: 'Due',
    pending: 'Pending',
    healthy: 'Healthy',
    open: 'Open',
    paused: 'Paused',
    'backing-off': 'Backing off',
    window: 'Waiting for window',
  } satisfies Texts<VolumeStatus | LaneStatus>,
  stateMeanings: {
    expired: 'past its not-after',
    failing: 'the last attempt to renew failed',
    overdue: 'past its fallback deadline',
    'in-flight': 'in the queue of its node, without a result yet',
    due: 'due; waiting in its lane or for its node',
    pending: 'no certificate yet',
    healthy: 'valid and not yet due',
  } satisfies Texts<VolumeStatus>,

  risk: {
    atRisk: 'At risk',
    uncertain: (state: string) => `${state}, but its renewal is not certain`,
    adviceWithRunbook: ({ advice, runbook }: { advice: string; runbook: Tag }) =>
      rich`${advice}: ${runbook('runbook')}`,
    /** In a list, and beside the state of a volume. */
    reasons: {
      expired: { title: 'Expired', note: 'expired', advice: 'Read the last error, then retry' },
      overdue: { title: 'Overdue', note: 'overdue', advice: 'Check the agent of the node' },
      failing: { title: 'Failing', note: 'failing', advice: 'Correct the cause of the last error, then retry' },
      'node-silent': { title: 'Node silent', note: 'node silent', advice: 'Check the node and its agent' },
      'redis-unavailable': {
        title: 'Redis unavailable',
        note: 'Redis unavailable',
        advice: 'Restore Redis; agents renew at their fallback deadlines',
      },
      'policies-unknown': {
        title: 'Policies unknown',
        note: 'LanePolicies unknown',
        advice: 'Let the controller read the LanePolicies; agents renew at their fallback deadlines',
      },
      'lane-paused': {
        title: 'Lane paused',
        note: 'lane paused',
        advice: 'Resume the lane, or ask who paused it',
      },
      'lane-backing-off': { title: 'Lane backing off', note: 'lane backing off', advice: 'Check the issuer' },
      'lane-window': {
        title: 'Window closed',
        note: 'window closed',
        advice: 'Renew with “Ignore renewal windows”',
      },
    } satisfies Texts<RiskReason, { title: string; note: string; advice: string }>,
  },

  served: {
    states: {
      served: { short: 'loaded', long: "The pod serves the volume's certificate" },
      renewed: { short: 'renewed', long: 'The certificate was renewed; the pod may still load it' },
      'not-loaded': {
        short: 'not loaded',
        long: "The pod serves another certificate than the volume's: its server must reload",
      },
      unknown: { short: 'unknown', long: 'No certificate was found at the probed port of the pod' },
    } satisfies Texts<ServedState, { short: string; long: string }>,
    failures: {
      'no-address': 'the pod has no address of its own',
      'host-network': 'the pod is in the network of its host',
      refused: 'nothing listens on the port',
      timeout: 'the port does not answer',
      'no-certificate': 'the port does not speak TLS',
    } satisfies Texts<ProbeFailure>,
    withFailure: ({ state, failure }: { state: string; failure: string }) => `${state}: ${failure}`,
    withSince: ({ state, since }: { state: string; since: Part }) => rich`${state}, ${since}`,
  },

  /** Why a renewal waits: in short, with the time until which it waits, and as a sentence. */
  waits: {
    paused: {
      short: 'lane paused',
      until: (at: Part) => rich`lane paused ${at}`,
      long: 'The lane is paused by an operator',
    },
    window: {
      short: 'outside the window',
      until: (at: Part) => rich`window ${at}`,
      long: 'The renewal waits for the renewal window of its lane',
    },
    rate: {
      short: 'rate limit',
      until: (at: Part) => rich`starts ${at}`,
      long: 'The renewal waits for the rate limit of its lane',
    },
    'in-flight': {
      short: 'in-flight limit',
      until: (at: Part) => rich`in-flight limit ${at}`,
      long: 'The lane has reached its limit of renewals in flight',
    },
    'node-limit': {
      short: 'node limit',
      until: (at: Part) => rich`node limit ${at}`,
      long: 'The node has reached its share of the lane’s slots',
    },
    'node-silent': {
      short: 'node silent',
      until: (at: Part) => rich`node silent ${at}`,
      long: 'The node does not report; its agent renews at its fallback deadline',
    },
    'back-off': {
      short: 'lane backing off',
      until: (at: Part) => rich`lane retries ${at}`,
      long: 'The lane backs off after failures of its issuer',
    },
  } satisfies Texts<WaitReason, { short: string; until: unknown; long: string }>,

  live: {
    states: {
      connecting: 'connecting',
      live: 'live',
      reconnecting: 'reconnecting',
      paused: 'paused',
      stale: 'not current',
    },
    age: (duration: string) => ` · ${duration} old`,
    isLive: 'Everything shown is current.',
    isPaused: 'The page does not change until you continue. Nothing that is older than 15 seconds can be acted on.',
    isStale: (at: string) => `The oldest data shown is from ${at}. The page is trying to reach the controller again.`,
    isConnecting: 'The page is connecting to the controller.',
  },

  /** What needs attention, and the reasons of the verdict. Times are phrases, such as “for 3h” or “at 21:45”. */
  problems: englishProblems<Part, Rich>({ number, plural, rich }),

  verdict: {
    title: 'Verdict',
    words: {
      ok: 'All OK',
      attention: 'Attention',
      critical: 'Critical',
      unknown: 'Unknown',
    } satisfies Texts<Verdict['level']>,
    noResponseYet: 'The controller has not responded yet',
    lastKnown: (verdict: string) => `The controller does not respond. The last known verdict is: ${verdict}`,
    allWell: 'Every certificate is valid, and nothing prevents a renewal.',
    moreReasons: (count: number) => plural(count, { one: ' and one more reason', other: ' and # more reasons' }),
  },

  overview: {
    attention: {
      title: 'Needs attention',
      none: 'Nothing. All certificates are renewed in time.',
      severities: {
        critical: 'critical: ',
        warning: 'warning: ',
        info: 'info: ',
      } satisfies Texts<Summary['attention'][number]['severity']>,
      expires: (at: Part) => rich`expires ${at}`,
      showMore: (count: number) => `Show ${number(count)} more`,
    },
    fleet: {
      title: 'The fleet',
      notCertain: 'renewal not certain',
      agents: 'Agents',
      online: (count: number) => `${number(count)} online`,
      silent: (count: number) => `${number(count)} silent`,
      noneSilent: 'none silent',
      atRiskMeaning: 'not failing, but a silent node, Redis or the lane prevents the renewal',
      outdated: 'outdated',
      noneAtRisk: 'none at risk',
      waitingTooLong: (count: number) => `${number(count)} waiting too long`,
      atRiskCounts: ({ volumes, podCertificates }: { volumes: number; podCertificates: number }) =>
        `${plural(volumes, { one: '# volume', other: '# volumes' })}, ${plural(podCertificates, { one: '# pod certificate', other: '# pod certificates' })}`,
      lanesOpen: 'all open',
      lanesPaused: (count: number) => `${number(count)} paused`,
      lanesBackingOff: (count: number) => `${number(count)} backing off`,
      podCertificates: {
        denied: (count: number) => `${number(count)} denied`,
        failed: (count: number) => `${number(count)} failed`,
        expired: (count: number) => `${number(count)} expired`,
        overdue: (count: number) => `${number(count)} overdue`,
      },
      redis: 'Redis',
      redisNotReported: 'the controller does not report it now',
      redisUnknown: 'unknown',
      redisReachable: 'reachable',
      redisUnreachable: 'unreachable',
      redisFallback: 'agents renew at their fallback deadlines',
      redisEvicts: 'may evict scheduled renewals',
    },
    posture: {
      title: 'Certificate posture',
      /** What each limit excludes. */
      limits: englishPostureLimits,
      notCounted: (volumes: number) =>
        plural(volumes, {
          one: 'Not counted except for their lifetime: # volume of agents that do not report keys and signatures.',
          other: 'Not counted except for their lifetime: # volumes of agents that do not report keys and signatures.',
        }),
    },
    expiry: {
      title: 'Expiry',
      caption: 'Certificates by the time until they expire',
      spans: englishExpirySpans,
      expiresIn: 'Expires in',
      share: 'Share',
      certificates: 'Certificates',
    },
    lanes: {
      title: 'Lanes of issuers',
      none: 'No lanes yet',
      noneText: 'A lane is created with the first renewal of its issuer.',
    },
    timeline: {
      title: 'Renewals',
      unit: 'Unit of time',
      hours: 'By hour',
      days: 'By day',
      range: 'Range of the chart',
      ranges: { in: 'Zoom in', out: 'Zoom out', earlier: 'Earlier', later: 'Later' },
      hourOfDay: ({ day, clock, zone }: { day: string; clock: string; zone: string }) => `${day} ${clock} ${zone}`,
      actionsOutdated: 'The actions of operators are not current.',
      actionsCut: 'The chart has only the latest actions; the audit log has all.',
      actionCount: (count: number) =>
        plural(count, { one: '# action of an operator', other: '# actions of operators' }),
      action: ({ action, target }: { action: string; target: string }) => `${action} ${target}`,
      asTable: 'As a table',
      caption: 'Renewals over time',
      from: 'From',
      renewed: 'Renewed',
      failedAttempts: 'Failed attempts',
      due: 'Due',
      dueWithin: 'Volumes due in this time',
      issuedWithin: 'Volumes whose present certificate is from this time',
      actions: 'Actions',
      /** Between two actions. */
      actionSeparator: '; ',
      actionsAndMore: ({ actions, more }: { actions: string; more: number }) => `${actions} and ${number(more)} more`,
      legend: {
        renewed: 'renewed',
        failed: 'failed attempts',
        due: 'due',
        now: 'now',
        action: 'action of an operator',
      },
      renewedCount: (count: number) => `${number(count)} renewed`,
      failedCount: (count: number) => `${number(count)} failed`,
      dueCount: (count: number) => `${number(count)} due`,
      summary: (counts: { renewed: number; byDeadline: number; failed: number; due: number }) =>
        `In the past 48 hours ${plural(counts.renewed, { one: '# renewal', other: '# renewals' })}, ${number(counts.byDeadline)} of them by fallback deadline, and ${plural(counts.failed, { one: '# failed attempt', other: '# failed attempts' })}. ${number(counts.due)} due in the next 24 hours.`,
    },
  },

  groups: {
    title: 'Group by',
    none: 'Not grouped',
    by: {
      namespace: 'By namespace',
      workload: 'By workload',
      issuer: 'By issuer',
      signer: 'By signer',
      node: 'By node',
      ca: 'By CA',
      state: 'By state',
      risk: 'By risk',
    },
    byLabel: (label: string) => `By ${label}`,
    captions: {
      namespace: 'Volumes by namespace',
      workload: 'Volumes by workload',
      issuer: 'Volumes by issuer',
      node: 'Volumes by node',
      ca: 'Volumes by CA',
      state: 'Volumes by state',
      risk: 'Volumes by risk',
    },
    podCertificateCaptions: {
      namespace: 'Pod certificates by namespace',
      workload: 'Pod certificates by workload',
      signer: 'Pod certificates by signer',
      node: 'Pod certificates by node',
      state: 'Pod certificates by state',
      risk: 'Pod certificates by risk',
    } satisfies Texts<PodCertificateGroupKey>,
    captionOfLabel: (label: string) => `Volumes by ${label}`,
    /** Of the rows without a value. */
    noNode: 'not scheduled',
    noCa: 'no CA file',
    noRisk: 'not at risk',
    noWorkload: 'not known',
    noValue: 'none',
    total: ({ volumes, groups }: { volumes: number; groups: number }) =>
      `${plural(volumes, { one: '# volume', other: '# volumes' })} in ${plural(groups, { one: '# group', other: '# groups' })}`,
    totalOfPodCertificates: ({ certificates, groups }: { certificates: number; groups: number }) =>
      `${plural(certificates, { one: '# pod certificate', other: '# pod certificates' })} in ${plural(groups, { one: '# group', other: '# groups' })}`,
    totalOfFirstPodCertificates: ({
      certificates,
      groups,
      shown,
    }: {
      certificates: number;
      groups: number;
      shown: number;
    }) =>
      `${plural(certificates, { one: '# pod certificate', other: '# pod certificates' })} in ${plural(groups, { one: '# group', other: '# groups' })}, the first ${number(shown)} are shown`,
    totalOfFirst: ({ volumes, groups, shown }: { volumes: number; groups: number; shown: number }) =>
      `${plural(volumes, { one: '# volume', other: '# volumes' })} in ${plural(groups, { one: '# group', other: '# groups' })}, the first ${number(shown)} are shown`,
  },

  volumes: {
    search: 'Search pods, nodes, issuers, names, serials, errors',
    caption: 'Volumes and the renewal of their certificates',
    issuedBy: 'Issued by',
    yes: 'yes',
    no: 'no',
    requestedLifetime: ({ granted, requested }: { granted: string; requested: string }) =>
      `${granted}, requested ${requested}`,
    failure: ({ reason, message }: { reason: string; message: string }) => `${reason}: ${message}`,
    causes: {
      mount: 'mount',
      job: 'job',
      requested: 'requested',
      retry: 'retry',
      deadline: 'deadline',
      unknown: 'unknown',
    } satisfies Texts<IssuanceCause>,
    suggestion: ({ value, count }: { value: string; count?: number }) =>
      count === undefined ? value : `${value} (${number(count)})`,
    severalNames: 'One or more names or parts of names, separated by commas',
    label: (key: string) => `Label ${key}`,
    labelProblem: 'A value of a label has letters, digits, "-", "_" and "."; "*" stands for any characters.',
    reasons: 'Reasons',
    filters: {
      renewsAfter: 'renews after',
      renewsBefore: 'renews before',
      expiresAfter: 'expires after',
      issuedAfter: 'issued after',
      issuedBefore: 'issued before',
      volumeId: 'volume',
      caFingerprint: 'CA',
      served: 'served',
      risk: 'risk',
      label: 'label',
      rsaBelow: 'RSA below',
      signature: 'signature',
      lifetimeOver: 'lifetime over',
      requestedOver: 'requested over',
      isCa: 'CA',
    },
    expiry: {
      title: 'Expires within',
      any: 'Expires any time',
      within: (duration: string) => `Expires within ${duration}`,
      before: (at: string) => `Expires before ${at}`,
    },
    posture: {
      title: 'Certificates with',
      any: 'Any certificate',
      rsaBelow2048: 'RSA below 2048 bits',
      rsaBelow3072: 'RSA below 3072 bits',
      sha1: 'Signed with SHA-1',
      lifetimeOver90: 'Lifetime over 90 days',
      lifetimeOver398: 'Lifetime over 398 days',
      requestedOver90: 'Requested lifetime over 90 days',
      requestedOver398: 'Requested lifetime over 398 days',
      isCa: 'May sign certificates (CA)',
    },
    tools: {
      columns: 'Columns',
      columnsShown: 'Columns shown',
      compact: 'Compact rows',
      resetWidths: 'Reset the widths',
      copyCommand: 'Copy as certfleet command',
      copyKubectl: 'Copy as kubectl',
      copied: (command: string) => `Copied: ${command}`,
      notCopied: (command: string) => `The browser does not allow copying: ${command}`,
    },
    saved: {
      title: 'Views',
      none: 'No view is saved in this browser.',
      delete: (name: string) => `Delete view ${name}`,
      name: 'Name of this view',
      save: 'Save',
      noName: 'A view needs a name.',
      tooLong: 'The filters of this view are too long to be saved.',
      tooMany: (most: number) =>
        plural(most, {
          one: 'At most # view can be saved; delete one.',
          other: 'At most # views can be saved; delete one.',
        }),
    },
    renewMatching: 'Renew all that match…',
    renewMatchingCount: (count: number) => `Renew all that match (${number(count)})…`,
    riskIsNoCriterion: 'A risk is no criterion of a renewal: select the volumes, or filter by state.',
    selection: {
      title: 'Selection',
      count: (count: number) => plural(count, { one: '# volume selected', other: '# volumes selected' }),
      renew: 'Renew selected…',
      clear: 'Clear selection',
      show: 'Show',
      deselect: (name: string) => `Deselect ${name}`,
      tooMany: (most: string) =>
        `At most ${most} volumes can be renewed by name; use a filter and renew all that match.`,
    },
    unusableAdvice: 'Correct it in the address, or show the volumes without it.',
    showAll: 'Show all volumes',
    noneAtRisk: 'No volume is at risk',
    noneAtRiskText: 'Nothing prevents the renewal of the volumes that match.',
    none: 'No volumes yet',
    noneText: 'Pods with a volume of the driver csi.cert-manager.io appear here when their node reports them.',
    noResultsText: 'Clear a filter to see more volumes.',
    noVolumes: 'No volumes',
    range: ({ first, last, total }: { first: number; last: number; total: number }) =>
      `${number(first)}–${number(last)} of ${number(total)}`,
  },

  volume: {
    renew: 'Renew now…',
    noCertificate: 'The volume has no certificate yet; the first one is issued with the mount.',
    whatToDo: ({ strong, advice }: { strong: Tag; advice: Part }) => rich`${strong('What to do:')} ${advice}`,
    failure: ({ reason, message }: { reason: Part; message: string }) => rich`${reason}: ${message}`,
    attempts: ({ count, last }: { count: number; last: Part }) =>
      rich`${plural(count, { one: 'One attempt', other: '# attempts' })} since the last success, the last ${last}. The agent retries with back-off.`,
    certificate: 'Certificate',
    uris: 'URIs',
    ipAddresses: 'IP addresses',
    validSince: 'Valid since',
    caSha256: 'CA, SHA-256',
    showAll: 'show all',
    maySign: 'may sign certificates',
    where: 'Where',
    podUid: 'Pod UID',
    inspect: 'Inspect',
    commandLine: 'Command line',
    actions: 'Actions on this volume',
    chain: {
      title: 'Certificate and chain',
      load: 'Load from the node',
      about: (node: string) =>
        `The controller stores no certificates; it requests this one from the agent of ${node}. The private key stays on the node.`,
      noSubject: 'no subject',
      issuedBy: (issuer: string) => ` issued by ${issuer}`,
      expires: ({ at, serial }: { at: Part; serial: Part }) => rich`expires ${at} · serial ${serial}`,
      sha256: (fingerprint: Part) => rich`SHA-256 ${fingerprint}`,
      openssl: 'As OpenSSL prints it',
      pem: 'PEM',
      ca: 'CA',
      opensslLabel: 'Certificate as OpenSSL prints it',
    },
    history: {
      title: 'History',
      none: 'No issuances since the controller was started',
      caption: 'Issuances of this volume, latest first',
      triggeredBy: 'Triggered by',
      issued: 'Issued',
      failed: 'Failed',
      /** Empty: not shown. */
      causes: {
        mount: 'mount',
        job: 'due',
        requested: 'request',
        retry: 'retry',
        deadline: 'fallback deadline',
        unknown: '',
      } satisfies Texts<IssuanceCause>,
      paths: { mount: 'mount', controller: 'controller', deadline: 'agent' } satisfies Texts<IssuancePath>,
    },
    events: {
      title: 'Events of the pod',
      none: 'Kubernetes has no events of the last hour.',
      caption: 'Kubernetes events of the pod',
    },
  },

  nodes: {
    audited: 'Actions on this node',
    search: 'Search nodes',
    caption: 'Nodes and their agents',
    byState: 'By state',
    troubled: 'Failing or overdue',
    states: { silent: 'Silent', enrolling: 'Enrolling', online: 'Online' },
    unknownState: ({ state, known }: { state: Part; known: readonly string[] }) =>
      rich`The address has an unknown state of nodes: ${state}. Known are ${list(known)}.`,
    none: 'No nodes yet',
    noneText: 'An agent connects when it is configured with the address of this controller.',
    noResultsText: 'Clear the state, or search for a part of the node’s name.',
    connectedTo: 'Connected to',
    queue: 'Renewals in its queue',
    unknown: 'unknown',
    nextRenewals: 'Next renewals on this node',
    silent: ({ since, volumes }: { since: Part; volumes: number }) =>
      rich`No report since ${since}. If the agent runs, it renews ${plural(volumes, { one: '# volume at its fallback deadline; otherwise its certificate expires', other: '# volumes at their fallback deadlines; otherwise their certificates expire' })}.`,
    check: (command: Part) => rich`Check the agent’s pod: ${command}`,
  },

  lanes: {
    lane: 'Lane',
    caption: 'Lanes of issuers',
    search: 'Search issuers',
    noResultsText: 'Search for a part of the issuer’s name.',
    /** Beside the number of renewals in flight. */
    most: (count: number) => `/ ${number(count)}`,
    retries: (at: Part) => rich`retries ${at}`,
    opens: (at: Part) => rich`opens ${at}`,
    noLimit: 'no limit',
    perSecond: (count: number) => `${number(count)}/s`,
    perMinute: (count: number) => `${number(count)}/min`,
    perHour: (count: number) => `${number(count)}/h`,
    withBurst: ({ rate, burst }: { rate: string; burst: number }) => `${rate}, bursts of ${number(burst)}`,
    paced: ({ rate, now }: { rate: string; now: string }) => `${rate} (now ${now})`,
    anyTime: 'any time',
    window: ({ cron, duration, zone }: { cron: string; duration: string; zone: string }) =>
      `${cron} for ${duration} (${zone})`,
    /** Between two windows. */
    windowSeparator: '; ',
    nextRenewals: 'Next renewals of this issuer',
    pause: 'Pause…',
    resume: 'Resume…',
    pauseTitle: (issuer: string) => `Pause ${issuer}`,
    pauseAction: 'Pause the lane',
    pauseText: (volumes: number) =>
      plural(volumes, {
        one: '# volume will wait until the lane is resumed, including urgent renewals. Each agent still renews at its fallback deadline before a certificate expires.',
        other:
          '# volumes will wait until the lane is resumed, including urgent renewals. Each agent still renews at its fallback deadline before a certificate expires.',
      }),
    resumeTitle: (issuer: string) => `Resume ${issuer}`,
    resumeAction: 'Resume the lane',
    resumeText: ({ renewals, rate }: { renewals: number; rate: string }) =>
      `${plural(renewals, { one: '# renewal that waits continues', other: '# renewals that wait continue' })} at the lane’s rate: ${rate}.`,
    facts: {
      title: 'Now',
      waiting: ({ queued, blocked }: { queued: number; blocked: number }) =>
        `${number(queued)} queued, ${number(blocked)} blocked`,
      inFlight: ({ count, most }: { count: number; most: number }) => `${number(count)} of at most ${number(most)}`,
      queueEnds: 'Queue ends',
      paused: 'Paused',
      pausedBy: ({ by, at, reason }: { by: string; at: string; reason: string }) => `by ${by}, ${at}: ${reason}`,
      backingOffUntil: 'Backing off until',
      windowOpens: 'Window opens',
      none: 'none',
      at: (at: Part) => rich`(${at})`,
    },
    policy: {
      title: 'Issuer and limits',
      clusterWide: 'cluster-wide',
      inFlight: ({ most, timeout }: { most: number; timeout: string }) =>
        `at most ${number(most)}, answer timeout ${timeout}`,
      backoffAfter: 'Back-off after',
      backoff: ({ failures, most }: { failures: number; most: string }) =>
        `${plural(failures, { one: '# consecutive failure', other: '# consecutive failures' })}, at most ${most}`,
      priority: 'Priority',
      actions: 'Actions on this lane',
    },
    history: {
      title: 'Past 48 hours',
      none: 'No renewal of this issuer has ended.',
      counts: ({ renewed, failed }: { renewed: number; failed: number }) =>
        `${plural(renewed, { one: '# renewal', other: '# renewals' })}, ${plural(failed, { one: '# failed attempt', other: '# failed attempts' })}`,
      succeeded: ({ strong, percent, counts }: { strong: Tag; percent: string; counts: string }) =>
        rich`${strong(percent)} of attempts succeeded: ${counts}`,
      noDurations: 'The agents have not reported durations.',
      durations: ({ half, most }: { half: string; most: string }) =>
        `Half took at most ${half}, 99 of 100 at most ${most}.`,
      byHour: (counts: string) => `By hour: ${counts}`,
      hours: 'Hours with renewals',
      hour: ({ at, renewed, failed }: { at: string; renewed: number; failed: number }) =>
        `${at}: ${number(renewed)} renewed, ${number(failed)} failed`,
      hourWithDuration: (hour: { at: string; renewed: number; failed: number; most: string }) =>
        `${hour.at}: ${number(hour.renewed)} renewed, ${number(hour.failed)} failed, 99 of 100 within ${hour.most}`,
    },
  },

  percent: {
    exact: (value: number) => `${number(value)} %`,
    below: (value: number) => `< ${number(value)} %`,
    above: (value: number) => `> ${number(value)} %`,
  },

  cas: {
    none: 'No CA file has a certificate yet',
    caption: 'CAs by the number of their volumes',
    about: 'A volume is counted under each certificate of its CA file.',
    withoutCa: (count: number) =>
      plural(count, { one: ' # volume without a CA file.', other: ' # volumes without a CA file.' }),
    firstShown: (count: number) => ` The first ${number(count)} are shown.`,
    soonestExpiry: 'Soonest expiry of a volume',
    renew: 'Renew…',
    rotate: 'Rotate…',
    unknown: 'not known yet',
    issuedBy: (issuer: string) => ` issued by ${issuer}`,
    share: {
      title: 'Share of volumes over time',
      time: 'Time shown',
      hours24: '24 hours',
      days7: '7 days',
      none: 'No volume has a CA yet.',
      unnamed: (start: string) => `SHA-256 ${start}…`,
      line: ({ name, now, before }: { name: string; now: string; before: string }) =>
        `${name} ${now}, before ${before}`,
      /** Between two lines. */
      separator: '; ',
      label: (lines: string) => `Share of volumes by CA: ${lines}`,
      now: 'now',
      asTable: 'Shares as a table',
      caption: 'Share of volumes by CA and hour',
      hourFrom: 'Hour from',
      allVolumes: 'All volumes',
    },
  },

  renewals: {
    title: 'Renewals',
    none: 'No renewals on demand in the last week',
    noneText: (volumes: Tag) =>
      rich`Certificates are renewed automatically. To renew some now, filter the ${volumes('volumes')} and choose “Renew all that match”.`,
    requestedBy: ({ subject, by, at }: { subject: string; by: string; at: Part }) =>
      rich`${subject} · requested by ${by} ${at}`,
    cancelling: 'Cancelling…',
    states: {
      starting: 'Starting',
      running: 'Running',
      'awaiting-approval': 'Awaiting approval',
      stopped: 'Stopped',
      suspended: 'Suspended',
      cancelled: 'Cancelled',
      finished: 'Finished',
      rejected: 'Rejected',
    } satisfies Texts<Renewal['state']>,
    progressOf: (reason: string) => `Progress of ${reason}`,
    facts: {
      done: ({ strong, count, total }: { strong: Tag; count: number; total: number }) =>
        rich`${strong(number(count))} of ${number(total)} done`,
      renewed: ({ strong, count }: { strong: Tag; count: number }) => rich`${strong(number(count))} renewed`,
      pending: ({ strong, count }: { strong: Tag; count: number }) => rich`${strong(number(count))} pending`,
      failures: ({ strong, count }: { strong: Tag; count: number }) =>
        rich`${strong(number(count))} ${plural(count, { one: 'failed attempt', other: 'failed attempts' })}`,
      removed: ({ strong, count }: { strong: Tag; count: number }) => rich`${strong(number(count))} removed`,
      cancelled: ({ strong, count }: { strong: Tag; count: number }) => rich`${strong(number(count))} cancelled`,
      canaryWaits: ({ done, total, others }: { done: number; total: number; others: number }) =>
        `Canary: ${number(done)} of ${number(total)} done. The other ${plural(others, { one: '# volume waits', other: '# volumes wait' })} for an approval.`,
      canaryRuns: ({ done, total, others }: { done: number; total: number; others: number }) =>
        `Canary: ${number(done)} of ${number(total)} done. The other ${plural(others, { one: '# volume starts', other: '# volumes start' })} after an approval.`,
    },
    progress: 'Progress',
    approve: 'Approve…',
    approveTitle: 'Renew the volumes after the canary',
    approveAction: 'Approve',
    approveText: 'An approval cannot be withdrawn; the renewal can be suspended or cancelled.',
    resume: 'Resume',
    suspend: 'Suspend',
    cancel: 'Cancel…',
    cancelTitle: 'Cancel this renewal',
    cancelAction: 'Cancel pending renewals',
    cancelText: (volumes: number) =>
      plural(volumes, {
        one: '# volume that has not started returns to its planned time. Renewals in the queue of a node continue.',
        other:
          '# volumes that have not started return to their planned time. Renewals in the queue of a node continue.',
      }),
    course: {
      title: 'Course',
      selection: 'Selection',
      requested: 'Requested',
      started: 'Started',
      ended: 'Ended',
      perMinute: (count: number) => `${number(count)} a minute in the last five minutes`,
      expectedEnd: 'Expected end',
      unknownEnd: 'unknown: nothing was renewed in the last five minutes',
      openEnd: 'unknown: volumes wait for an operator or for their node',
      windowsIgnored: 'ignored',
      stopsAfter: 'Stops after',
      actions: 'Actions on this renewal',
      by: ({ by, at }: { by: string; at: Part }) => rich`by ${by}, ${at}`,
    },
    waiting: {
      title: 'What waits, and why',
      none: 'Nothing waits.',
      notReported: (volumes: number) =>
        plural(volumes, {
          one: '# volume of nodes that have not reported yet.',
          other: '# volumes of nodes that have not reported yet.',
        }),
      caption: 'Pending volumes by what they wait for',
      reasons: {
        approval: 'The approval after the canary',
        failing: 'The last attempt failed; the agent retries',
        started: 'Being renewed by the agent',
        'not-started': 'Not in its lane yet',
        paused: 'The lane is paused',
        window: 'Outside the window of the lane',
        rate: 'Rate limit of the lane',
        'in-flight': 'The lane has reached its limit in flight',
        'back-off': 'The lane backs off after failures',
        'node-limit': 'The node has reached its share of the lane',
        'node-silent': 'The node is silent',
      } satisfies Texts<RenewalDetail['waiting'][number]['reason']>,
    },
    pending: {
      title: 'Pending volumes',
      none: 'No pending volume is reported',
      first: ({ shown, total }: { shown: number; total: number }) =>
        `the first ${number(shown)} of ${number(total)}, failing ones first`,
      caption: 'Pending volumes, failing ones first',
    },
    dialog: {
      title: 'Renew now',
      titleOfAll: 'Renew the whole fleet',
      renew: 'Renew',
      renewCount: (volumes: number) => plural(volumes, { one: 'Renew # volume', other: 'Renew # volumes' }),
      requesting: 'Requesting…',
      sendAgain: 'Send the same request again',
      canary: 'Canary: renew only this many volumes first, then wait for an approval',
      stopAfter: 'Stop after this many failed attempts',
      ignoreWindows: 'Ignore renewal windows',
      limitsApply: 'Each issuer’s rate limit and limit in flight still apply; a paused lane stays paused.',
      optional: 'Optional',
      typeCount: (count: number) => `Type the number of volumes, ${number(count)}, to confirm`,
      noMatch: 'Nothing to renew: no volume matches.',
      noneWithCertificate: (skipped: number) =>
        plural(skipped, {
          one: 'Nothing to renew: # volume without a certificate.',
          other: 'Nothing to renew: # volumes without a certificate.',
        }),
      preview: (counts: { big: Tag; volumes: number; issuers: number; nodes: number }) =>
        rich`${counts.big(number(counts.volumes))} ${plural(counts.volumes, { one: 'volume', other: 'volumes' })} of ${plural(counts.issuers, { one: '# issuer', other: '# issuers' })} on ${plural(counts.nodes, { one: '# node', other: '# nodes' })}`,
      skipped: (count: number) => `; ${number(count)} without a certificate are skipped`,
      moreIssuers: (count: number) => plural(count, { one: 'and # issuer more', other: 'and # issuers more' }),
      volumes: 'The volumes',
      on: (node: string) => `on ${node}`,
      showProgress: 'Show progress',
      requested: (renewals: number) =>
        plural(renewals, { one: '# renewal requested.', other: '# renewals requested.' }),
      requestedLess: ({ renewals, less }: { renewals: number; less: number }) =>
        `${plural(renewals, { one: '# renewal requested.', other: '# renewals requested.' })} ${plural(less, { one: '# volume no longer matched.', other: '# volumes no longer matched.' })}`,
    },
  },

  rotations: {
    proposedWarning: 'Pods with a certificate of the old CA may not trust the new one.',
    review: 'Review the rotation',
    none: 'No CA rotations',
    noneText: (command: Part) =>
      rich`A rotation replaces a CA while all pods keep trusting each other. Start one with ${command}.`,
    requestedBy: ({ id, by, at }: { id: string; by: string; at: Part }) => rich`${id} · requested by ${by} ${at}`,
    audited: 'Actions on this rotation',
    phases: {
      Pending: 'Pending',
      Trust: 'Trust',
      Reissue: 'Reissue',
      Verify: 'Verify',
      Retire: 'Retire',
      Completed: 'Completed',
      RolledBack: 'Rolled back',
      Failed: 'Failed',
    } satisfies Texts<Rotation['phase']>,
    proposed: 'Proposed',
    notes: { rollback: 'rollback', deleted: 'deleted', suspended: 'suspended', stopped: 'stopped' },
    progress: {
      Trust: 'CA files contain the roots of both CAs',
      Reissue: 'Volumes have a certificate of the new CA',
      Verify: 'Pods do not serve an earlier certificate',
      Retire: 'The replaced root has left the CA files',
    },
    progressBackward: {
      Trust: 'CA files contain the roots of both CAs',
      Reissue: 'Volumes have a certificate of the old CA again',
      Verify: 'Pods do not serve an earlier certificate',
      Retire: 'The new root has left the CA files',
    },
    progressCount: ({ title, done, total }: { title: string; done: number; total: number }) =>
      `${title}: ${number(done)} of ${number(total)}`,
    progressOf: ({ phase, reason }: { phase: string; reason: string }) => `${phase} of ${reason}`,
    approve: (phase: string) => `Approve ${phase}…`,
    resume: 'Resume…',
    suspend: 'Suspend…',
    start: 'Start…',
    reject: 'Reject…',
    rollBack: 'Roll back…',
    blockingIssuer: (issuer: string) => `Issuer ${issuer}`,
    blockingNode: (node: Part) => rich`Node ${node}`,
    blockingPod: (pod: Part) => rich`Pod ${pod}`,
    blockingMessage: (message: string) => `: ${message}`,
    moreVolumes: (count: number) => plural(count, { one: 'and # more volume', other: 'and # more volumes' }),
    actions: {
      start: 'Start this rotation',
      reject: 'Reject this rotation',
      suspend: 'Suspend this rotation',
      resume: 'Resume this rotation',
      approve: 'Approve the next phase',
      rollback: 'Roll back this rotation',
    },
    consequences: {
      suspend: 'Nothing more is started, and no further phase begins. CA files keep the roots of both CAs.',
      start: (files: number) =>
        `The roots of both CAs are added to ${plural(files, { one: '# CA file', other: '# CA files' })}; then the volumes of the old CA are reissued. Compare the new CA with its owner first.`,
      resume: 'The rotation continues.',
      approve: ({ phase, files }: { phase: string; files: number }) =>
        `The phase ${phase} begins. In Retire, the root of the replaced CA leaves ${plural(files, { one: '# CA file', other: '# CA files' })}.`,
      reject: 'Nothing is changed, and it is not proposed again.',
      rollback: (volumes: number) =>
        `The replaced CA is used again: switch the issuers back. ${plural(volumes, { one: '# volume with a certificate of the new CA is reissued', other: '# volumes with a certificate of the new CA are reissued' })}. A rollback cannot be withdrawn.`,
    },
    pods: {
      reissuedPods: ({ reissued, total }: { reissued: number; total: number }) =>
        `Pod certificates of the new CA: ${number(reissued)} of ${number(total)}`,
      reissuedAndUnknownPods: (counts: { reissued: number; total: number; unknown: number }) =>
        `Pod certificates of the new CA: ${number(counts.reissued)} of ${number(counts.total)}, ${number(counts.unknown)} unknown until their next refresh`,
      refreshedBy: ({ counts, at }: { counts: string; at: Part }) => rich`${counts}; refreshed by ${at}`,
      progressOf: (reason: string) => `Pod certificates of ${reason}`,
      signer: ({ name, bundle }: { name: string; bundle: Part }) => rich`Signer ${name}: ${bundle}`,
      bundles: {
        Verified: 'its trust bundle contains both CAs',
        Incomplete: 'its trust bundle is incomplete',
        Missing: 'it has no trust bundle',
        NotVerifiable: 'its trust cannot be verified',
        Confirmed: 'its trust was confirmed',
        Unreadable: 'its trust bundle cannot be read',
      } satisfies Texts<NonNullable<Rotation['podCertificates']>['signers'][number]['bundle']>,
      bundleProblem: ({ bundle, problem }: { bundle: string; problem: string }) => `${bundle}: ${problem}`,
      rolling: (workload: string) => `Rolling ${workload}`,
      awaited: ({ pod, message }: { pod: string; message: string }) => `Pod ${pod}: ${message}`,
      more: (count: number) =>
        plural(count, { one: 'and # more pod certificate', other: 'and # more pod certificates' }),
    },
    dialog: {
      title: 'Replace this CA',
      action: 'Start the rotation',
      text: (ca: Part) =>
        rich`All volumes with a certificate of the CA ${ca} get one of the new CA, phase by phase. Switch the issuer when the rotation asks for it.`,
      newCa: 'New CA: its certificates in PEM, or its SHA-256 if volumes have it',
      holds: 'Ask for an approval before the old root leaves the CA files',
    },
  },

  audit: {
    caption: 'Audit log, latest first',
    search: 'Search target, reason, outcome',
    anyAction: 'Any action',
    anyTime: 'Any time',
    lastHour: 'The last hour',
    lastDay: 'The last 24 hours',
    lastWeek: 'The last 7 days',
    since: (at: string) => `Since ${at}`,
    untilTime: 'Until',
    actions: {
      renew: 'Renew',
      rotate: 'Rotate CA',
      rollback: 'Roll back',
      approve: 'Approve',
      cancel: 'Cancel',
      suspend: 'Suspend',
      pause: 'Pause',
      resume: 'Resume',
      'sign-in': 'Sign in',
      'sign-out': 'Sign out',
      export: 'Export',
      access: 'Access',
    } satisfies Texts<AuditEntry['action']>,
    /** An action with its outcome. */
    outcomes: {
      started: (action: string) => `${action} (outcome unknown)`,
      done: (action: string) => action,
      failed: (action: string) => `${action} (failed)`,
      refused: (action: string) => `${action} (refused)`,
    } satisfies Texts<NonNullable<AuditEntry['outcome']>, (action: string) => string>,
    links: {
      lane: 'lane',
      renewal: 'renewal',
      rotation: 'rotation',
      node: 'node',
      volume: 'volume',
      volumeOf: (name: string) => `volume ${name}`,
    },
    showAll: 'Show all entries',
    none: 'No entries yet',
    noneText: 'Renewals that operators request, pauses and sign-ins are recorded here.',
    latest: 'Latest',
    earlier: 'Earlier',
  },

  podCertificates: {
    search: 'Search pods, nodes, signers, workloads, errors',
    states: {
      denied: { title: 'Denied', meaning: 'denied by its signer; final for this pod' },
      failed: { title: 'Failed', meaning: 'failed by its signer; final for this pod' },
      expired: { title: 'Expired', meaning: 'past its not-after' },
      overdue: { title: 'Overdue', meaning: 'not refreshed by the kubelet in time' },
      pending: { title: 'Pending', meaning: 'its latest request has no answer yet' },
      unknown: {
        title: 'Unknown',
        meaning: 'unknown until the next refresh: its last request was deleted before the controller saw it',
      },
      issued: { title: 'Issued', meaning: 'valid and not yet due for its refresh' },
    } satisfies Texts<PodCertificateState, { title: string; meaning: string }>,
    risks: {
      denied: { title: 'Denied', advice: 'Correct the pod or the policy of the signer, then delete the pod' },
      failed: { title: 'Failed', advice: 'Correct the pod or the policy of the signer, then delete the pod' },
      expired: { title: 'Expired', advice: 'Check the kubelet and the signer, then delete the pod' },
      overdue: { title: 'Overdue', advice: 'Check the kubelet of the node' },
      waiting: { title: 'Waiting too long', advice: 'Check the signer; without a request, the kubelet' },
    } satisfies Texts<PodCertificateRiskReason, { title: string; advice: string }>,
    riskFilter: {
      atRisk: 'At risk',
      notAtRisk: 'Not at risk',
      meaning: 'Not certain to be valid: refused, expired, not refreshed, or waiting too long',
    },
    atRisk: {
      title: 'Pod certificates at risk',
      forVolumes: (showAll: Part) =>
        rich`Not shown: a filter or the groups of this address are for volumes only. ${showAll}`,
      showAll: 'Show all pod certificates at risk',
      notLoaded: 'they are not loaded yet',
      none: 'No pod certificate that matches is at risk.',
      more: (count: number) => `${number(count)} more`,
      unknown: ({ count, link }: { count: number; link: Tag }) =>
        rich`${link(plural(count, { one: '# pod certificate', other: '# pod certificates' }))} ${plural(count, { one: 'is', other: 'are' })} unknown until the next refresh: the controller has not seen the last request.`,
    },
    untilRefresh: 'until the next refresh',
    anySigner: 'Any signer',
    kind: 'Pod certificate',
    meaning: 'Meaning',
    serviceAccount: 'ServiceAccount',
    latestRequest: 'Latest request',
    podUid: 'UID of the pod',
    showAll: 'Show all pod certificates',
    outdated: (problem: string) => `These rows may be outdated or incomplete: ${problem}.`,
    notFollowed: 'Pod certificates are not followed',
    notFollowedText: (value: Part) => rich`Set ${value} in the values of the chart.`,
    notLoaded: 'The pod certificates are not loaded yet',
    none: 'No pod certificates',
    noneText: (volumes: Tag) =>
      rich`No running pod projects a certificate of the kubelet. The certificates of CSI volumes are in the table of ${volumes('volumes')}.`,
  },
});
