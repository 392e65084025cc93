import type { Benchmark } from '#src/cli/commands/bench.js';
import { CASES } from './cases.js';
import { runBench } from './runBench.js';
import { benchTable, caseLine, caseList } from './tables.js';

/** The benchmark, as `spurmem bench` loads it. */
export const benchmark: Benchmark = {
  list: () => {
    const cases = CASES.map(({ name, description, needsRun }) => {
      return { name, description, needsRun: needsRun === true };
    });
    return { text: caseList(cases), document: { cases } };
  },
  run: async (request, onCase) => {
    const result = await runBench({
      ...request,
      onCase: (measured) => {
        onCase(caseLine(measured));
      },
    });
    const fellBehind = result.comparison?.cases.some((compared) => compared.fellBehind) === true;
    const disagreed = result.cases.some(({ agreement }) => (agreement?.different.length ?? 0) > 0);
    return { text: benchTable(result), document: result, passed: !fellBehind && !disagreed };
  },
};
