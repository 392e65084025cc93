import type { GroupLabel } from '../views/groupLabels.js';
import { wrap } from '../text.js';

/** Draws a label that holds line breaks on several lines. */
export const MULTILINE = "split(datum.label, '\\n')";

// What fits below a group's bars, in characters and lines.
const WIDTH = 15;
const LINES = 4;

/** A group's label below its bars: notation, wrapped name, and further lines. */
export function groupTick(group: GroupLabel, ...extra: readonly string[]): string {
  const lines = balanced(group.name);
  const name = lines.length <= LINES ? lines : [...lines.slice(0, LINES - 1), '…'];
  return [group.short, ...name, ...extra].join('\n');
}

/** As few lines as the width allows, and these of like lengths: no digit alone on the last one. */
function balanced(name: string): string[] {
  const fewest = wrap(name, WIDTH);
  const longestWord = Math.max(...name.split(/\s+/).map((word) => word.length));
  for (let width = longestWord; width < WIDTH; width += 1) {
    const lines = wrap(name, width);
    if (lines.length === fewest.length) return lines;
  }
  return fewest;
}

/** The encoding of groups side by side, each with bars of its own. */
export const BARS_OF_GROUPS = {
  field: 'group',
  type: 'ordinal' as const,
  sort: null,
  scale: { paddingInner: 0.24, paddingOuter: 0.12 },
  axis: { title: null, labelAngle: 0, labelExpr: MULTILINE, labelLineHeight: 16 },
};
