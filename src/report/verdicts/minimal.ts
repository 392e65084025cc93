import type { TraceMinimalResult } from '../../experiments/traceMinimalResult.js';
import { fixed, probability } from '../format.js';
import { MARKED_P } from '../views/measuredChange.js';
import { pText } from './words.js';

/** Whether minority examples hang on fewer neurons than majority ones. */
export function minimalVerdict({ comparison, unit }: TraceMinimalResult): string[] {
  if (!comparison) return [];
  const { minority, majority, pValue, probabilityFewer } = comparison;
  const units = unit === 'weight' ? 'weights' : 'neurons';
  const medians = `median ${fixed(minority.median ?? Number.NaN, 1)} against ${fixed(majority.median ?? Number.NaN, 1)}, ${pText(probability(pValue))} over the examples of this one model`;
  if (pValue > MARKED_P)
    return [`Minority examples are not shown to need fewer ${units} than majority ones: ${medians}.`];
  return [
    `Minority examples need ${probabilityFewer > 0.5 ? 'fewer' : 'more'} ${units} than majority ones: ${medians}.`,
  ];
}
