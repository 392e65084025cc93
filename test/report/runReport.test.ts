import { createHash } from 'node:crypto';
import { groupAccuracies } from '../../src/metrics/groups.js';
import type { RunReport } from '../../src/report/figure.js';
import { groupLabels, smallestGroup } from '../../src/report/groupLabels.js';
import {
  eightGroups,
  erm,
  fullReport,
  layerTrace,
  minimalTrace,
  NAMES,
  oneEpoch,
  overlapTrace,
  randomTrace,
  trace,
} from './fixtures.js';
import { figures, first, pageOf, textOf, withoutScript } from './support.js';

/** Everything in a page that a browser could fetch or run. */
function fetchable(page: string): string[] {
  const found = [
    ...page.matchAll(/\b(?:src|href|xlink:href|srcset|action|data|poster)\s*=\s*["']?([^"'\s>]+)/gi),
    ...page.matchAll(/url\(\s*["']?([^"')]+)/gi),
    ...page.matchAll(/@import\s+([^;]+)/gi),
  ].map((match) => match[1] ?? '');
  return found.filter((target) => !/^(?:data:(?:image|text\/csv|application)\b|#)/.test(target));
}

const cases: readonly (readonly [string, RunReport])[] = [
  ['four groups', fullReport],
  ['eight groups', eightGroups],
  ['one epoch, nothing traced', oneEpoch],
];

describe.each(cases)('the report of %s', (_name, report) => {
  let page: string;
  beforeAll(async () => {
    page = await pageOf(report);
  });

  it('is one self-contained HTML page', () => {
    expect(page.slice(0, 15)).toBe('<!doctype html>');
    expect(page.trimEnd().slice(-7)).toBe('</html>');
    expect(fetchable(page)).toEqual([]);
    expect(first(/<link|<iframe|<object|<foreignObject/i, page)).toBeUndefined();
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page.includes("default-src 'none'")).toBe(true);
    const script = /<script>([^]*)<\/script>/.exec(page)?.[1] ?? '';
    expect(page).toContain(`script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`);
  });

  it('names no address but the namespaces of SVG', () => {
    const addresses = [...page.matchAll(/https?:\/\/[^"'\s<>)]+/g)].map((match) => match[0]);
    expect(new Set(addresses)).toEqual(
      new Set(['http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xlink']),
    );
  });

  it('never shows NaN, undefined or a negative zero', () => {
    expect(first(/NaN|undefined|\[object|Infinity|[-−]0\.00\b/, withoutScript(page))).toBeUndefined();
  });

  it('links to every section, labels every chart and scopes every heading of a table', () => {
    for (const [, id] of page.matchAll(/<a href="#([^"]+)"/g))
      expect(page.includes(`<section id="${id ?? ''}"`)).toBe(true);
    const charts = page.match(/<svg /g)?.length ?? 0;
    expect(page.match(/<svg [^>]*role="img" aria-label="[^"]{20,}/g)).toHaveLength(charts);
    expect(page.match(/<th[ >]/g)?.length).toBe(page.match(/<th scope="(?:row|col)"/g)?.length);
  });

  it('gives the same bytes again', async () => {
    expect((await pageOf(report)) === page).toBe(true);
  });
});

describe('the full report', () => {
  let text: string;
  beforeAll(async () => {
    text = await textOf(fullReport);
  });

  it.each([
    ['the worst group on the test split', '17.86 % G2* coat with 0: 50/280 test samples correct'],
    ['its gap', '+80.36 points G2* coat with 0: training 98.21 % (55/56), test 17.86 % (50/280)'],
    ['the test-set average', '81.37 % test-set average'],
    ['the weighted average', 'shares of the training split: 96.55 %'],
    [
      'the finding first, with links to its sections',
      'Finding From training to test, minority groups lose 54.7 points of accuracy more than majority groups',
    ],
    [
      'that too few sets were drawn to judge the neurons',
      'Too weak to judge whether zeroing the chosen neurons costs minority groups more than majority groups',
    ],
    [
      'the sets of the picture',
      'of the same layers, gradient, for G2*, k = 3: −5.65 points; random neurons −1.24',
    ],
    ['what its dots are', 'dots: chosen neurons; all minority examples minus all majority examples'],
    ['the selection', 'epoch 9 of 12 selected by the best validation worst-group accuracy: 43.99 %'],
    ['the comparison', 'up to 100 sets of each kind, perturbed in the same way on the same samples'],
    [
      'how neurons were found',
      'at most 128 samples, drawn (seed 0) from at most 256 worst predicted training samples of the group',
    ],
    [
      'what it took',
      '120000 forward passes of an image, 0.50 times those of evaluating each variant alone (240000)',
    ],
    ['what was measured', 'training split, at most 1000 samples of each majority group'],
    ['the configuration', 'resnet18'],
    ['the versions', '2.6.0'],
  ])('states %s', (_what, sentence) => {
    expect(text).toContain(sentence);
  });

  it('begins with the shortcut; that of a repaired run with what the repair brought and cost', async () => {
    const dataset = { ...fullReport.dataset, spuriousNames: ['digit 0', 'digit 1'], attribute: 'digit' };
    const repairs = [{ run: 'erm-dfr', worst: 0.7 }];
    const of = async (report: RunReport): Promise<string> =>
      (await textOf(report)).replaceAll('\u00a0', ' ').split('Finding').at(-1) ?? '';
    const told = await of({ ...fullReport, dataset, repairs });
    expect(told).toMatch(
      /^ Your network follows the digit: test accuracy is 99\.9 and 95\.0 % where .* From training to test, .* Runs that started from this one, with reports of their own: erm-dfr \(worst test group 70\.00 %\)\./,
    );
    const test = groupAccuracies([600, 250, 200, 300], [900, 300, 280, 420], [1, 1, 1, 1]);
    const repaired = await of({ ...fullReport, dataset, before: erm, result: { ...erm, kind: 'dfr', test } });
    expect(repaired).toMatch(
      /^ The worst group’s test accuracy rises by .* Lower than before: G0 pullover with 0 falls from 99\.89 to 66\.67 %, .* Your network does not follow the digit/,
    );
    const classes = { ...dataset, spuriousNames: ['0'] };
    expect(await of({ ...fullReport, dataset: classes })).toContain('spurmem discover shows the images');
  });

  it('breaks a command before its options alone', async () => {
    const command = 'spurmem train dfr --from runs/h1 --draws 3';
    const made = {
      date: '2026-01-01T00:00:00Z',
      result: 'dfr',
      cpu: 'AMD EPYC',
      kernels: 'AVX2',
      versions: {},
    };
    const history = [{ ...made, command }];
    const page = await pageOf({ ...fullReport, history });
    expect(page).toContain(
      '<code><span>spurmem train dfr</span> <span>--from runs/h1</span> <span>--draws 3</span></code>',
    );
  });

  it('names the results of a command in one order, whichever was written first', async () => {
    const made = { command: 'spurmem reproduce fig2', cpu: 'AMD EPYC', kernels: 'AVX2', versions: {} };
    const dates = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'] as const;
    const rowOf = async (results: readonly string[]): Promise<boolean> => {
      const history = results.map((result, i) => ({ ...made, result, date: dates[i] ?? '' }));
      return (await pageOf({ ...fullReport, history })).includes('fig2, trace-unstructured');
    };
    expect(await rowOf(['trace-unstructured', 'fig2'])).toBe(true);
    expect(await rowOf(['fig2', 'trace-unstructured'])).toBe(true);
  });

  it('says so when the last epoch was asked for', async () => {
    const select = 'last' as const;
    const last = await textOf({ ...fullReport, result: { ...erm, bestEpoch: 12, select } });
    expect(last).toContain(
      'epoch 12 of 12 the last one, as requested; its validation worst-group accuracy: ',
    );
    expect(last).toContain('Epoch 12 was selected: it is the last one.');
    expect(last).not.toMatch(/best validation/);
  });

  it('tells a trace of the published code from one of the article', async () => {
    const released = {
      ...randomTrace('noise', [0.005], 10),
      gradientSource: { worst: 200, drawn: 200, order: 'lowest-loss', seed: 0 },
      loss: 'double-softmax',
      magnitudeLayers: 'no-downsample',
      heldOutHalf: true,
      repeats: { gradient: 3, magnitude: 10 },
    } as const;
    const told = await textOf({ ...fullReport, traces: [released] });
    expect(told).toContain(
      'at most 200 best predicted training samples of the group in the half that neurons are chosen on; of the cross-entropy of the softmax as logits; magnitudes outside the downsample convolutions',
    );
    expect(told).toContain('the half of each group that no neurons were chosen on');
    expect(told).toContain(
      'mean over 10 seeds of the draws (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, gradient: the first 3)',
    );
    expect(told).not.toMatch(/zeroed|set to zero/i);
    const rewound = { epochs: 5, epoch: 4, checkpoint: trace.checkpoint };
    const back = await textOf({ ...fullReport, traces: [{ ...trace, perturbation: 'rewind', rewound }] });
    expect(back).toContain(
      'get back the weights that they had in an earlier epoch; epoch 4, 5 epochs before the traced one',
    );
  });

  it('says how little a sample of the smallest group is worth', () => {
    const groups = groupLabels(fullReport.dataset);
    expect(smallestGroup([1000, 1000, 1000, 1000], groups, 'test')).toBe(
      'Each test group has 1000 samples: one of them is 0.10 points.',
    );
    expect(smallestGroup([1000, 200, 1000, 1000], groups, 'test')).toContain(
      'is G1* pullover with 1 with 200',
    );
  });
});

describe('text from the user', () => {
  const hostile = `<script>alert("x")</script> & 'q' \u001b[31m\u0000`;

  it('is escaped in the page and in the charts', async () => {
    const report: RunReport = {
      ...fullReport,
      title: hostile,
      dataset: {
        ...fullReport.dataset,
        name: hostile,
        groupNames: NAMES.map((name) => `${name} ${hostile}`),
      },
      made: [overlapTrace(0.01), layerTrace(['conv1', hostile], [1]), minimalTrace],
      config: [[hostile, hostile]],
      versions: [[hostile, hostile]],
    };
    const texts = [withoutScript(await pageOf(report)), ...(await figures(report)).values()];
    for (const text of texts) {
      expect(first(/<script/, text)).toBeUndefined();
      expect(first(/(?!\n)\p{Cc}/u, text)).toBeUndefined();
      expect(first(/&(?!amp;|lt;|gt;|quot;|#39;|#xA;)/, text)).toBeUndefined();
    }
    expect(texts[0]?.includes('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;q&#39;')).toBe(
      true,
    );
  });

  it('cannot smuggle in an image that is fetched', async () => {
    const samples = [{ group: 0, images: [{ dataUri: 'https://example.org/a.png', width: 8, height: 8 }] }];
    await expect(pageOf({ ...fullReport, dataset: { ...fullReport.dataset, samples } })).rejects.toThrow(
      /sample 0 of group 0 is not a data:image\/ URI/,
    );
  });
});

describe('the charts', () => {
  it('gives the charts as files', async () => {
    const names = [...(await figures(fullReport)).keys()];
    expect(names).toEqual([
      ...['finding.svg', 'fig1.svg', 'fig2.svg', 'fig2-all.svg', 'fig2-nulls.svg', 'fig2-nulls-margin.svg'],
      ...['training.svg', 'training-accuracy.svg'],
    ]);
    expect([...(await figures(oneEpoch)).keys()]).toEqual(['training.svg', 'training-accuracy.svg']);
  });
});
