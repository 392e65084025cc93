import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEvaluation } from '../../src/experiments/evaluateRun.js';
import type { Requirement } from '../../src/experiments/requirements.js';
import { trainErm } from '../../src/train/methods.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { answer, trainOptions, words } from './support.js';

const folder = temporaryFolder();
const [data, run, lacking] = ['data', 'run', 'lacking'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];

type Document = RunEvaluation & { readonly requirements?: readonly Requirement[] };

/** The exit code of `evaluate`, and its document. */
async function gate(of: string, ...more: readonly string[]): Promise<[number | null, Document]> {
  const { exitCode, stdout } = await answer(words`evaluate --run ${of} --threads 1 --json --quiet ${more}`);
  return [exitCode, JSON.parse(stdout) as Document];
}

test('exit codes: 0 for a clear pass, 1 for a clear fail and a missing group, 3 if it is undecided', async () => {
  await tinyDominoes(data, { test: [30, 30, 30, 30] });
  await ermRun({ ...trainOptions(data, run), resume: false });
  const [plain, { accuracies, requirements }] = await gate(run);
  expect([plain, requirements]).toEqual([0, undefined]);
  // Whatever the network learned.
  const { average } = accuracies;
  const fails = average > 0.5 ? 'average<=0.2' : 'average>=0.8';
  const open = `average>=${average || 0.01}`;
  expect((await gate(run, '--require', 'average>=0'))[0]).toBe(0);
  const [code, document] = await gate(run, '--require', 'average>=0', fails, open);
  expect(code).toBe(1);
  expect(document.requirements).toEqual([
    expect.objectContaining({ rule: 'average>=0', value: average, verdict: 'pass' }),
    expect.objectContaining({ rule: fails, verdict: 'fail' }),
    expect.objectContaining({
      rule: open,
      verdict: 'undecided',
      interval: [expect.any(Number), expect.any(Number)],
    }),
  ]);
  expect((await gate(run, '--require', open))[0]).toBe(3);
  expect((await gate(run, '--require', open, '--undecided', 'pass'))[0]).toBe(0);
  expect((await gate(run, '--require', open, '--undecided', 'fail'))[0]).toBe(1);
  // A run compared with itself: no image changes.
  const own = `no-group-below ${run}`;
  expect((await gate(run, '--require', own))[0]).toBe(3);
  expect((await gate(run, '--require', `${own} by 0.2`))[0]).toBe(0);

  await tinyDominoes(lacking);
  const table = await readFile(join(lacking, 'metadata.csv'), 'utf8');
  const [head = '', ...rows] = table.trimEnd().split('\n');
  const at = (name: string) => head.split(',').indexOf(name);
  // No image of a class is in test with the digit that misleads.
  const kept = rows.filter((row) => {
    const cells = row.split(',');
    return !(cells[at('split')] === '2' && cells[at('y')] === '0' && cells[at('place')] === '1');
  });
  expect(kept.length).toBe(rows.length - 4);
  await writeFile(join(lacking, 'metadata.csv'), [head, ...kept, ''].join('\n'));
  await trainErm(trainOptions(lacking, `${run}-2`));
  const [missing, { requirements: [rule] = [] }] = await gate(`${run}-2`, '--require', 'worst-group>=0.01');
  expect([missing, rule?.verdict, rule?.value]).toEqual([1, 'fail', null]);
  const { exitCode, stderr } = await answer(words`evaluate --run ${run} --require worst>=0.6`);
  expect([exitCode, stderr]).toEqual([
    2,
    expect.stringMatching(/^--require is "worst>=0\.6": it takes worst-group/),
  ]);
});
