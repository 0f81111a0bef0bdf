import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, oneOf, time, string } from './fields.ts';
import { expirySpans } from './vocabulary.ts';

const due = Type.Array(Type.Object({ from: time('Start of the period'), count: count('Renewals due in the period') }));

/** Future renewals, past renewals, and the distribution of expiries. */
export const TimelineSchema = Type.Object({
  due: Type.Object({ hours: due, days: due }),
  done: Type.Object({
    hours: Type.Array(
      Type.Object({
        from: time('Start of the hour'),
        renewed: count('Successful renewals'),
        failed: count('Failed attempts'),
        byController: count('Successful renewals started by the controller'),
        byDeadline: count('Successful renewals started by the fallback deadline of an agent'),
      }),
    ),
  }),
  expiry: Type.Array(
    Type.Object({
      span: oneOf(expirySpans, 'The period, named by its end'),
      label: string('The period in English, such as 1 to 6 h'),
      from: Type.Optional(time('Start of the period; absent for the past')),
      to: Type.Optional(time('End of the period; absent for the last one')),
      count: count('Certificates that expire in the period'),
    }),
  ),
});
export type Timeline = Static<typeof TimelineSchema>;
