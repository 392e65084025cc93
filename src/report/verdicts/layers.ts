import type { LayerEntry, TraceStructuredResult } from '../../experiments/results.js';
import { mean } from '../../metrics/statistics.js';
import { nullNamed } from '../../neurons/nulls.js';
import { plural, probability } from '../format.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { MARKED_P } from '../views/measuredChange.js';
import { adjustedTests, comparedLayer, nullsOf } from '../views/nulls.js';
import { signed } from './words.js';

/** Whether layers' chosen neurons matter beyond random ones, and to which groups (article, Fig. 7). */
export function layersVerdict({ entries }: TraceStructuredResult, groups: readonly GroupLabel[]): string[] {
  const adjusted = adjustedTests(entries, (entry, null_, outcome) => [comparedLayer(entry, null_, outcome)]);
  const sentences = nullsOf(entries).map((null_) => {
    const cells = entries.flatMap((entry) => {
      const test = comparedLayer(entry, null_, 'accuracy');
      return test ? [{ entry, test, p: adjusted.get(test)?.pValue ?? Number.NaN }] : [];
    });
    const passed = cells.filter(({ p, test }) => p <= MARKED_P && test.change < test.mean);
    const least = Math.min(...cells.map(({ p }) => p));
    const { words } = nullNamed(null_);
    return passed.length === 0
      ? `In none of ${plural(cells.length, 'cell')} do a layer’s chosen neurons cost their group more than random neurons ${words} (least p after Holm’s correction ${probability(least)}).`
      : `In ${passed.length} of ${plural(cells.length, 'cell')} a layer’s chosen neurons cost their group more than random neurons ${words} after Holm’s correction, ${passed.filter(({ entry }) => isMinority(entry, groups)).length} of them in minority groups.`;
  });
  const [minority, majority] = [true, false].map((kind) =>
    entries
      .filter((entry) => isMinority(entry, groups) === kind)
      .map(({ change }) => change)
      .filter(Number.isFinite),
  );
  if (minority?.length && majority?.length) {
    sentences.push(
      `On the mean over layers, minority groups change by ${signed(mean(minority))} and majority groups by ${signed(mean(majority))}.`,
    );
  }
  return sentences;
}

function isMinority({ group }: LayerEntry, groups: readonly GroupLabel[]): boolean {
  return groups[group]?.minority === true;
}
