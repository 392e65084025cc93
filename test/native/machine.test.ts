import { vectorInstructions } from '../../src/machine.js';

const WIDTHS = ['AMX', 'AVX512-BF16', 'AVX-512', 'AVX2', 'other'];
const NAME = 'ONEDNN_MAX_CPU_ISA';

test.each([
  ['avx512_core_amx', 'AMX'],
  ['AVX512_CORE_BF16', 'AVX512-BF16'],
  ['AVX512_CORE', 'AVX-512'],
  ['AVX2_VNNI', 'AVX2'],
  ['SSE41', 'other'],
  ['no such word', undefined],
])('with %s in oneDNN\u2019s variable %s is the widest', (limit, widest) => {
  const before = process.env[NAME];
  Reflect.deleteProperty(process.env, NAME);
  const own = vectorInstructions();
  process.env[NAME] = limit;
  const limited = vectorInstructions();
  if (before === undefined) Reflect.deleteProperty(process.env, NAME);
  else process.env[NAME] = before;
  const [has, may] = [own, widest ?? own].map((width) => WIDTHS.indexOf(width));
  // A CPU without AVX512-BF16 goes on with what it has.
  expect(WIDTHS.indexOf(limited)).toBe(Math.max(has ?? 0, may ?? 0));
});
