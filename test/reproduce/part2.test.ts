import { rowsOf } from '../../src/reproduce/part2.js';
import { STUDIES, type StudyPlan } from '../../src/reproduce/studies.js';
import { refusalOf } from '../refusal.js';

const FINETUNED = 'fine-tuned';
const study = STUDIES.find(({ name }) => name === 'fig6');
const fig6: StudyPlan = { title: '', arms: [], ...study?.plan({}) };

test('some rows of a study, in its order, and compared where the row that matters is among them', () => {
  const some = rowsOf(fig6, [FINETUNED, 'ERM']);
  expect(some.arms.map(({ name }) => name)).toEqual(['ERM', FINETUNED]);
  expect(some.focus).toBe(FINETUNED);
  expect(rowsOf(fig6, ['ERM', 'contrast, no mask']).focus).toBeUndefined();
});

test('an unknown row is refused with those that there are', () => {
  expect(refusalOf(() => rowsOf(fig6, ['contrast']), 'USAGE')).toContain(
    'has no row named contrast. It has ERM; continued, cross-entropy; continued, supervised loss alone; contrast, no mask;',
  );
});
