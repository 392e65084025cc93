import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const SLOWEST = 10;
/** What fits one screen. */
const [TESTS, LINES] = [10, 3];

/**
 * A jest reporter: names the test files that took longest at the end of a run. For scripts/steps.sh it writes how many tests passed and failed,
 * and each one that failed with the first lines of its message, to the file SPURMEM_TEST_SUMMARY.
 */
export default class Reporter {
  onRunComplete(_contexts, { testResults, numPassedTests }) {
    const slowest = testResults
      .map(({ testFilePath, perfStats: { start, end } }) => ({ testFilePath, seconds: (end - start) / 1000 }))
      .sort((a, b) => b.seconds - a.seconds)
      .slice(0, SLOWEST);
    const lines = slowest.map(
      ({ testFilePath, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${relative('', testFilePath)}`,
    );
    console.error(`Slowest test files:\n${lines.join('\n')}`);

    const file = process.env.SPURMEM_TEST_SUMMARY;
    if (file === undefined) return;
    const failures = testResults.flatMap(failuresOf);
    const left = failures.length - TESTS;
    const text = [
      `${numPassedTests} ${failures.length}`,
      ...failures.slice(0, TESTS).flat(),
      ...(left > 0 ? [`and ${left} more`] : []),
    ];
    writeFileSync(file, `${text.join('\n')}\n`);
  }
}

/** The lines of each failed test of a file, or of the file if it did not run. */
function failuresOf({ testFilePath, testResults, testExecError, failureMessage }) {
  const file = relative('', testFilePath);
  const failed = testResults.filter(({ status }) => status === 'failed');
  if (failed.length > 0)
    return failed.map(({ fullName, failureMessages }) => [
      `${file}: ${fullName}`,
      ...firstLines(failureMessages[0]),
    ]);
  return testExecError ? [[file, ...firstLines(failureMessage)]] : [];
}

function firstLines(message = '') {
  return stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s*(?:at |\u25cf )/.test(line))
    .slice(0, LINES)
    .map((line) => `    ${line.trim()}`);
}
