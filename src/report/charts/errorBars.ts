import { INK } from './theme.js';

/** A rule from the field `low` to the field `high`, with a cap at both ends; none where they are missing. */
export function errorBars() {
  const transform = [{ filter: 'isValid(datum.low)' }];
  const cap = (field: 'low' | 'high') => ({
    transform,
    mark: { type: 'tick' as const, orient: 'horizontal' as const, color: INK, size: 8, thickness: 1.5 },
    encoding: { y: { field, type: 'quantitative' as const } },
  });
  return [
    {
      transform,
      mark: { type: 'rule' as const, color: INK, strokeWidth: 1.5 },
      encoding: { y: { field: 'low', type: 'quantitative' as const }, y2: { field: 'high' } },
    },
    cap('low'),
    cap('high'),
  ];
}
