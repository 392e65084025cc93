import { createHash } from 'node:crypto';
import type { RunReport } from '../../src/report/figure.js';
import {
  eightGroups,
  erm,
  fullReport,
  layerTrace,
  minimalTrace,
  NAMES,
  oneEpoch,
  overlapTrace,
  trace,
  VAL,
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
    ['the largest change', '−10.71 points G2* coat with 0 (56 training samples), when 3 neurons of 4800'],
    ['its neurons', 'layer4.1.conv2[51], conv1[52], layer3.0.downsample.0[53]'],
    ['how many changes it is the largest of', 'The largest of 60 measured changes'],
    ['the selection', 'epoch 9 of 12 selected by the best validation worst-group accuracy: 43.99 %'],
    [
      'the largest change beside random neurons',
      'measured changes; random neurons of the same layers −1.62 [−5.98, +2.56]: p = 0.020',
    ],
    [
      'the comparison',
      'Beside each set, up to 100 random sets of as many neurons of the same layers were perturbed',
    ],
    [
      'how many changes are unlike random ones',
      /Changes are unlike those of random neurons \(p ≤ 0\.05\) in \d+ of 24 changes of a group under its own neurons \(by chance up to about 1\.2\) and \d+ of 60 changes of any group \(by chance up to about 3\.0\)/,
    ],
    ['the split of Part I', 'All accuracies here are training accuracies, as in Part I of the article'],
    [
      'the granularity',
      'The smallest training group is G2* coat with 0 with 56 samples: one of them is 1.79 points',
    ],
    ['the net count', '−10.71 points for G2* coat with 0 at k = 3, a net 6 of 56 samples'],
    ['the common baseline', 'of the unchanged model equal those of Fig. 1'],
    ['the configuration', 'resnet18'],
    ['the versions', '2.6.0'],
  ])('states %s', (_what, sentence) => {
    if (typeof sentence === 'string') expect(text).toContain(sentence);
    else expect(text).toMatch(sentence);
  });

  it('says so when the last epoch was asked for', async () => {
    const select = 'last' as const;
    const last = await textOf({ ...fullReport, result: { ...erm, bestEpoch: 12, select } });
    expect(last).toContain(
      'epoch 12 of 12 the last one was asked for; its validation worst-group accuracy: ',
    );
    expect(last).toContain('The checkpoint of epoch 12, the last of 12 epochs');
    expect(last).toContain('Epoch 12 was selected: it is the last one.');
    expect(last).not.toMatch(/best validation/);
  });

  it('says so when another checkpoint was traced, or another split', async () => {
    const other = {
      ...trace,
      split: 'val' as const,
      baseline: { ...trace.baseline, total: VAL, correct: [465, 300, 20, 127] },
    };
    const page = (await pageOf({ ...fullReport, traces: [other] })).replace(/\s+/g, ' ');
    expect(page).toContain('All accuracies here are validation accuracies');
    expect(page).toContain('differ from those of Fig. 1');
    // A sample of two groups says nothing; the others are as in Fig. 1.
    const sampled = { ...trace.baseline, total: [128, 466, 133, 100], correct: [128, 310, 26, 99] };
    const partly = { ...other, baseline: sampled };
    expect((await pageOf({ ...fullReport, traces: [partly] })).replace(/\s+/g, ' ')).toContain(
      'of the groups that were measured whole, equal those of Fig. 1',
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
      overlap: overlapTrace(0.01),
      layers: layerTrace(['conv1', hostile], [1]),
      minimal: minimalTrace,
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
      ...['fig1.svg', 'fig2-gradient.svg', 'fig2-magnitude.svg', 'fig2-nulls.svg', 'training.svg'],
    ]);
  });

  it('leaves out what was not measured, and numbers what was measured twice', async () => {
    expect([...(await figures(oneEpoch)).keys()]).toEqual(['training.svg']);
    const { result: _result, ...rest } = { ...fullReport, epochs: [], traces: [trace, { ...trace }] };
    expect([...(await figures(rest)).keys()]).toEqual([
      'fig2-gradient.svg',
      'fig2-magnitude.svg',
      'fig2-gradient-2.svg',
      'fig2-magnitude-2.svg',
      'fig2-nulls.svg',
      'fig2-nulls-2.svg',
    ]);
  });
});
