import { ratios, spreadOf } from './figure.ts';
import type { Figure, Spread } from './figure.ts';

/** The figures as a Markdown table. */
export function table(figures: readonly Figure[]): string {
  const head = ['figure', 'unit', 'floor', 'measured', 'ratio', 'goal'];
  const rows = [head, ...figures.map(row)];
  const widths = head.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return `${rows.map((cells) => line(cells).trimEnd()).join('\n')}\n`;
}

/** The figures with all rounds as JSON. */
export function json(figures: readonly Figure[]): string {
  const entries = figures.map((figure) => {
    const { agent, floor } = figure;
    return {
      ...figure,
      summary: {
        agent: spreadOf(agent),
        ...(floor === undefined ? {} : { floor: spreadOf(floor), ratio: spreadOf(ratios(figure)) }),
      },
    };
  });
  return `${JSON.stringify(entries, null, 2)}\n`;
}

function row(figure: Figure): readonly string[] {
  const { name, unit, agent, floor, goal } = figure;
  const compared =
    floor === undefined
      ? ['', show(spreadOf(agent)), '']
      : [show(spreadOf(floor)), show(spreadOf(agent)), show(spreadOf(ratios(figure)))];
  return [name, unit, ...compared, goal === undefined ? '' : goalText(goal)];
}

function goalText({ is, value, of }: NonNullable<Figure['goal']>): string {
  return `${is} ${value}${of === 'ratio' ? ' × floor' : ''}`;
}

/** Such as `1.23 (1.10 to 1.31)`. */
function show({ median, lowest, highest }: Spread): string {
  return lowest === highest ? digits(median) : `${digits(median)} (${digits(lowest)} to ${digits(highest)})`;
}

const digits = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
