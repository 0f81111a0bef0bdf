import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, time, string } from './fields.ts';

const due = Type.Array(Type.Object({ from: time('Begin of the span'), count: count('Renewals due in it') }));

/** Renewals to come, renewals done, and how expiries lie. */
export const TimelineSchema = Type.Object({
  due: Type.Object({ hours: due, days: due }),
  done: Type.Object({
    hours: Type.Array(
      Type.Object({
        from: time('Begin of the hour'),
        renewed: count('Renewals that went well'),
        failed: count('Tries that failed'),
        byController: count('Of the renewed: set going by the controller'),
        byDeadline: count("Of the renewed: by the agent's own deadline"),
      }),
    ),
  }),
  expiry: Type.Array(
    Type.Object({
      label: string('The span in string, such as 1 to 6 h'),
      from: Type.Optional(time('Begin of the span; absent for the past')),
      to: Type.Optional(time('End of the span; absent for the last one')),
      count: count('Certificates that expire in it'),
    }),
  ),
});
export type Timeline = Static<typeof TimelineSchema>;
