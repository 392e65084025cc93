import type { Split } from '../data/split.js';
import { ARTICLE_SIGMA } from '../experiments/traceSettings.js';
import type { DrawnPerturbationName, PerturbationName } from '../neurons/perturbations.js';

/** Figures and tables of the article's Part I. */
export const PART1 = [
  'fig1',
  'fig2',
  'fig3',
  'fig4',
  'fig5',
  'fig7',
  'fig11',
  'fig12',
  'table3',
  'table11',
  'table13',
  'table14',
] as const;
export type ArticleFigure = (typeof PART1)[number];

/** An unstructured trace that a figure shows: all its k under all its standard deviations, for both criteria. */
export interface TraceNeed {
  readonly perturbation: PerturbationName;
  readonly split: Split;
  readonly topK: readonly number[];
  /** Empty for zeroing. */
  readonly sigmas: readonly number[];
}

/** What a figure shows, and the traces that it takes. */
export interface FigurePlan {
  readonly title: string;
  readonly traces: readonly TraceNeed[];
  /** `results/trace-structured.json`, `results/trace-overlap.json`. */
  readonly needs?: 'structured' | 'overlap';
}

const TOP_3 = [1, 2, 3];
const TOP_10 = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/** The article says "multiple standard deviations" and gives one: these surround it. */
export const SIGMA_GRID = [0.001, 0.005, 0.01, 0.05, 0.1] as const;

/**
 * The article's Part I. Figs 2, 4, 5 show the top 3 of each criterion and group, zeroed, randomly initialized, with noise;
 * Figs 11 and 12 the latter two over standard deviations; Table 3 zeroes up to 10; Table 11 repeats Figs 2, 4, 5 in
 * numbers (the article: on CelebA, here on the run's dataset); Tables 13 and 14 set training beside test accuracy.
 *
 * @param sigmas the grid of Figs 11 and 12
 */
export function part1Plans(sigmas: readonly number[] = SIGMA_GRID): Record<ArticleFigure, FigurePlan> {
  const zero = (split: Split, topK = TOP_3): TraceNeed => ({ perturbation: 'zero', split, topK, sigmas: [] });
  const random = (
    perturbation: DrawnPerturbationName,
    split: Split,
    grid: readonly number[] = [ARTICLE_SIGMA],
  ): TraceNeed => ({ perturbation, split, topK: TOP_3, sigmas: grid });
  const all = (split: Split): TraceNeed[] => [zero(split), random('reinit', split), random('noise', split)];
  return {
    fig1: { title: 'Training and test accuracy of each group', traces: [] },
    fig2: { title: 'Zeroing the top neurons', traces: [zero('train')] },
    fig3: {
      title: 'Ranks of one criterion\u2019s top neurons under the other',
      traces: [],
      needs: 'overlap',
    },
    fig4: { title: 'Random initialization of the top neurons', traces: [random('reinit', 'train')] },
    fig5: { title: 'Noise on the top neurons', traces: [random('noise', 'train')] },
    fig7: { title: 'Zeroing the top neurons of each layer', traces: [], needs: 'structured' },
    fig11: {
      title: 'Random initialization over standard deviations',
      traces: [random('reinit', 'train', sigmas)],
    },
    fig12: { title: 'Noise over standard deviations', traces: [random('noise', 'train', sigmas)] },
    table3: { title: 'Zeroing up to ten neurons', traces: [zero('train', TOP_10)] },
    table11: { title: 'Changes of training accuracy', traces: all('train') },
    table13: { title: 'Changes of training and test accuracy', traces: [...all('train'), ...all('test')] },
    table14: { title: 'Training and test accuracy', traces: [...all('train'), ...all('test')] },
  };
}

/** One need for each perturbation and split that covers all of theirs. */
export function mergeNeeds(needs: readonly TraceNeed[]): TraceNeed[] {
  const merged = new Map<string, TraceNeed>();
  for (const need of needs) {
    const key = `${need.perturbation} ${need.split}`;
    const known = merged.get(key);
    merged.set(key, {
      ...need,
      topK: union(known?.topK ?? [], need.topK),
      sigmas: union(known?.sigmas ?? [], need.sigmas),
    });
  }
  return [...merged.values()];
}

function union(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}
