/** Headers of every response of the operators' API, except the event stream. */
export const responseHeaders = {
  /** Repeats the value that the request sent in the same header. */
  mark: 'x-certfleet-request',
  /** Time of the controller, in milliseconds since the Unix epoch. */
  time: 'x-certfleet-time',
} as const;
