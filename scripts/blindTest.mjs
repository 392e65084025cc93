// Size, coverage and power of the blind test that `discover --test` does, by enumerating its outcomes; 500 and 2,000 images, error 5, 10 and
// 20 %, prevalence 1 to 20 %, gap 0 to 60 points. test/extras/blindTest.test.ts has a short form.
//
//   node scripts/blindTest.mjs [TICKS...]
import { accuracyGap, expectation, fisherTest, testPower } from '../dist/extras/discover/blindTest.js';

const given = process.argv.slice(2).map(Number);
const memo = new Map();

/** The 95 % interval of an outcome. */
function intervalOf(ticked, counts) {
  const key = [
    ticked.wrong,
    ticked.wrongTicked,
    ticked.right,
    ticked.rightTicked,
    counts.images,
    counts.wrong,
  ].join();
  const known = memo.get(key) ?? accuracyGap(ticked, counts).interval;
  memo.set(key, known);
  return known;
}

for (const ticks of given.length > 0 ? given : [20, 40, 60, 100]) {
  const cells = [];
  for (const images of [500, 2000]) {
    for (const error of [0.05, 0.1, 0.2]) {
      for (const share of [0.01, 0.02, 0.05, 0.1, 0.2]) {
        for (const gap of [0, 0.2, 0.4, 0.6]) {
          const of = { images, error, share, gap };
          const covers = ([low, high]) => Number(low <= gap && gap <= high);
          const coverage = expectation(of, ticks, (ticked, counts) => covers(intervalOf(ticked, counts)));
          if (coverage === undefined) continue;
          const power = expectation(of, ticks, (ticked) => Number(fisherTest(ticked) <= 0.05));
          cells.push({ ...of, coverage, power });
        }
      }
    }
  }
  const coverages = cells.map(({ coverage }) => coverage);
  const mean = coverages.reduce((sum, one) => sum + one, 0) / cells.length;
  const size = Math.max(...cells.filter(({ gap }) => gap === 0).map(({ power }) => power));
  const powers = [0.2, 0.4, 0.6].map((gap) =>
    testPower({ images: 2000, error: 0.1, share: 0.05, gap }, ticks).toFixed(2),
  );
  console.log(
    `${ticks} ticks: coverage ${mean.toFixed(3)} (least ${Math.min(...coverages).toFixed(3)}, below 0.93 in ${coverages.filter((one) => one < 0.93).length} of ${cells.length} cells); size at most ${size.toFixed(3)}; power at prevalence 5 %, error 10 %, gap 20, 40, 60: ${powers.join(', ')}`,
  );
}
console.log(
  `Ticks for 80 % power there: ${[0.6, 0.4, 0.2].map((gap) => leastTicks(gap)).join(', ')} (gap 60, 40, 20)`,
);

/** The least number of ticks from which the power stays at 80 % or more. */
function leastTicks(gap) {
  const power = (ticks) => testPower({ images: 2000, error: 0.1, share: 0.05, gap }, ticks);
  for (let ticks = 12; ; ticks += 4) if ([0, 4, 8].every((more) => power(ticks + more) >= 0.8)) return ticks;
}
