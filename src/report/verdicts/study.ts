import type { StudyDifference, StudyResult } from '../../experiments/study.js';
import { plural, probability } from '../format.js';
import { pText, range, sideOf, signed } from './words.js';

/** Which rows of a study differ from its reference beyond their interval, and which are shown to be equivalent. */
export function studyVerdict({ rows, reference, focus }: StudyResult): string[] {
  const compared = rows.flatMap(({ arm, difference }) => (difference ? [{ arm, difference }] : []));
  const seeds = rows[0]?.seeds.length ?? 0;
  if (seeds < 2) return ['One seed: its differences have no interval, and show nothing.'];
  return [
    ...beyond(compared, `${reference}, over ${plural(seeds, 'seed')}`),
    ...(focus
      ? beyond(
          focus.against.map(({ arm, difference }) => ({ arm: `${focus.arm} minus ${arm}`, difference })),
          'the others',
          'What sets it apart',
        )
      : []),
  ];
}

interface ComparedArm {
  readonly arm: string;
  readonly difference: StudyDifference;
}

function beyond(arms: readonly ComparedArm[], other: string, opening?: string): string[] {
  if (arms.length === 0) return [];
  const differs = arms.filter(({ difference: { interval } }) => interval && sideOf({ interval }) !== 'both');
  const equivalent = arms.filter(({ difference }) => difference.equivalence?.equivalent === true);
  const rest = arms.filter((arm) => !differs.includes(arm) && !equivalent.includes(arm));
  const first =
    differs.length === 0
      ? `No row differs from ${other} beyond its 95 % interval (${plural(arms.length, 'row')}).`
      : `Beyond their 95 % interval differ from ${other}: ${differs.map(inWords).join('; ')}.`;
  return [
    opening === undefined ? first : `${opening}: ${first.charAt(0).toLowerCase()}${first.slice(1)}`,
    ...(equivalent.length > 0
      ? [`Equivalent within the declared margin: ${equivalent.map(({ arm }) => arm).join('; ')}.`]
      : []),
    ...(rest.length > 0 && differs.length > 0
      ? [`Neither shown to differ nor to be equivalent: ${rest.map(({ arm }) => arm).join('; ')}.`]
      : []),
  ];
}

function inWords({ arm, difference: { mean, interval, signFlip, signFlipHolm } }: ComparedArm): string {
  const p = signFlip ? `, sign flips ${pText(probability(signFlip.pValue))}` : '';
  const holm =
    typeof signFlipHolm === 'number' ? `, after Holm’s correction ${probability(signFlipHolm)}` : '';
  return `${arm} (${signed(mean)}, ${interval ? range(interval) : ''}${p}${holm})`;
}
