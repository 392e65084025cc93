import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const SLOWEST = 10;
/** What fits one screen: files with their first failed test, and lines of its message. */
const [FILES, LINES] = [10, 2];

/**
 * A jest reporter: names the test files that took longest at the end of a run. For scripts/steps.sh it writes how many tests passed and failed,
 * and the failed tests by file, the first of each with the beginning of its message, to the file SPURMEM_TEST_SUMMARY.
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
    const failures = testResults.map(failuresOf).filter(({ count }) => count > 0);
    const failed = failures.reduce((sum, { count }) => sum + count, 0);
    const others = failures.slice(FILES).map(({ name }) => `and ${name}`);
    const text = [
      `${numPassedTests} ${failed}`,
      ...failures.slice(0, FILES).flatMap((one) => one.lines),
      ...others,
    ];
    writeFileSync(file, `${text.join('\n')}\n`);
  }
}

/** How many tests of a file failed, the file if it did not run, and the lines that say so. */
function failuresOf({ testFilePath, testResults, testExecError, failureMessage }) {
  const name = relative('', testFilePath);
  const failed = testResults.filter(({ status }) => status === 'failed');
  const [first] = failed;
  if (first === undefined)
    return { name, count: testExecError ? 1 : 0, lines: [name, ...firstLines(failureMessage ?? '')] };
  const more = failed.length > 1 ? ` (and ${failed.length - 1} more)` : '';
  const lines = [`${name}: ${first.fullName}${more}`, ...firstLines(first.failureMessages[0])];
  return { name, count: failed.length, lines };
}

function firstLines(message = '') {
  return stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s*(?:at |\u25cf )/.test(line))
    .slice(0, LINES)
    .map((line) => `    ${line.trim()}`);
}
