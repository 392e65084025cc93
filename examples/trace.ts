// The same with types: npx tsc --module nodenext --target es2022 trace.ts && node trace.js DATASET [RUN]
import { SpurmemError, traceUnstructured, trainErm, type TraceUnstructuredResult } from 'spurmem';

/** For each group, the most that zeroing its neurons takes from its accuracy, in points. */
function worstChanges({ entries }: TraceUnstructuredResult): Map<number, number> {
  const worst = new Map<number, number>();
  for (const { group, change } of entries) {
    worst.set(group, Math.min(worst.get(group) ?? 0, 100 * (change[group] ?? 0)));
  }
  return worst;
}

async function main(data = 'data/dominoes', out = 'runs/example'): Promise<void> {
  await trainErm({ data, out, arch: 'resnet20', epochs: 2, batchSize: 42 });
  console.log(worstChanges(await traceUnstructured({ run: out, topK: [1, 3], controls: 0 })));
}

main(...(process.argv.slice(2) as [string?, string?])).catch((error: unknown) => {
  console.error(error instanceof SpurmemError ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
});
