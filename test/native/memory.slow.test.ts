import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

test('500 training steps leave no live handle and hardly grow the process', () => {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const script = fileURLToPath(new URL('./trainSteps.mjs', import.meta.url));
  const printed = execFileSync(process.execPath, [script], { encoding: 'utf8', env });
  const { growth, left } = JSON.parse(printed) as { growth: number; left: number };
  process.stdout.write(`  memory: ${growth.toFixed(1)} MB from step 50 to step 500 (limit 20)\n`);
  expect(growth).toBeLessThan(20);
  expect(left).toBe(0);
});
