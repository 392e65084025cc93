import { changeInterval } from '../../src/metrics/intervals.js';
import {
  changeExtent,
  largestChange,
  largestOwnChange,
  measuredChanges,
  traceView,
} from '../../src/report/figures/changes/view.js';
import { trace } from './fixtures.js';

const { views } = traceView(trace);
const [gradient, magnitude] = views;

describe('traceView', () => {
  it('splits a trace by criterion, in the order of groups and k', () => {
    expect(views.map(({ criterion }) => criterion)).toEqual(['gradient', 'magnitude']);
    expect(gradient?.entries.map(({ group, k }) => [group, k]).slice(0, 4)).toEqual([
      [0, 1],
      [0, 2],
      [0, 3],
      [1, 1],
    ]);
  });

  it('merges what magnitude repeats for every group, and nothing else', () => {
    expect(gradient?.selections).toHaveLength(12);
    expect(magnitude?.selections.map(({ groups, entry }) => [groups, entry.k])).toEqual([
      [[0, 1, 2, 3], 1],
      [[0, 1, 2, 3], 2],
      [[0, 1, 2, 3], 3],
    ]);
    const entries = trace.entries.map((entry) =>
      entry.group === 3 ? { ...entry, change: [0, 0, 0, 0] } : entry,
    );
    expect(traceView({ ...trace, entries }).views[1]?.selections).toHaveLength(12);
  });

  it('leaves out a criterion that was not traced', () => {
    expect(traceView({ ...trace, entries: [] }).views).toEqual([]);
  });
});

describe('changes', () => {
  it('finds the largest of all, with its sign and its neurons', () => {
    const largest = largestChange(views);
    expect(largest?.group).toBe(2);
    expect(largest?.change).toBeCloseTo(-6 / 56, 12);
    expect(largest?.selection.entry.k).toBe(3);
    expect(largestChange([])).toBeUndefined();
  });

  it('prefers the own group, then the smaller k, of equal changes', () => {
    const entries = trace.entries.map((entry) => ({ ...entry, change: [0.1, 0.1, -0.1, 0.1] }));
    const largest = largestChange(traceView({ ...trace, entries }).views);
    expect([largest?.selection.groups, largest?.group, largest?.selection.entry.k]).toEqual([[0], 0, 1]);
  });

  it('finds the largest own change among some groups', () => {
    expect(gradient && largestOwnChange(gradient, [0, 3])).toMatchObject({ group: 3, k: 3 });
    expect(gradient && largestOwnChange(gradient, [])).toBeUndefined();
  });

  it('counts what was measured, and gives the extent in points', () => {
    expect(measuredChanges(views)).toBe(12 * 4 + 3 * 4);
    // The widest are of the group of 56 samples, where it loses 6 and where it loses none.
    const [low, high] = changeExtent(views).own;
    expect(low).toBeCloseTo(100 * changeInterval({ total: 56, lost: 6, gained: 0 })[0], 10);
    expect(high).toBeCloseTo(100 * changeInterval({ total: 56, lost: 0, gained: 0 })[1], 10);
    expect(changeExtent(views).all).toBeCloseTo(600 / 56, 10);
  });
});
