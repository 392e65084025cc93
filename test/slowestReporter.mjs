import { relative } from 'node:path';

const SHOWN = 10;

/** A jest reporter: names the test files that took longest, at the end of a run. */
export default class SlowestReporter {
  onRunComplete(_contexts, { testResults }) {
    const slowest = testResults
      .map(({ testFilePath, perfStats: { start, end } }) => ({ testFilePath, seconds: (end - start) / 1000 }))
      .sort((a, b) => b.seconds - a.seconds)
      .slice(0, SHOWN);
    const lines = slowest.map(
      ({ testFilePath, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${relative('', testFilePath)}`,
    );
    console.error(`Slowest test files:\n${lines.join('\n')}`);
  }
}
