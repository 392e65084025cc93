import type { SessionHeader, TraceHeader, TraceUnstructuredResult } from '../experiments/results.js';
import type { Table } from '../kit/table.js';
import { perturbationNamed } from '../neurons/perturbations.js';
import { plural, SPLIT_NAME } from './format.js';
import { html, type Markup } from './html/html.js';

type Perturbed = Partial<Pick<TraceUnstructuredResult, 'perturbation' | 'seeds' | 'repeats' | 'rewound'>>;

/** How the numbers of a trace were measured, from its header. */
export function measuredTable(trace: TraceHeader & Perturbed): Table {
  const { split, samples, heldOutHalf, nullDraws, exceedances, perturbation, precision, cost, nullCost } =
    trace;
  const half = heldOutHalf === true ? '; the half of each group that no neurons were chosen on' : '';
  const work = (of: typeof cost): string =>
    `${Math.round(of.runForwards)} forward passes of an image, ${of.ratio.toFixed(2)} times those of evaluating each variant alone (${Math.round(of.naiveForwards)})`;
  const rows: [string, string][] = [
    ['weights', `sha256 ${trace.checkpoint.slice(0, 12)}`],
    [
      'accuracies',
      `${SPLIT_NAME[split]} split, at most ${samples} samples of each majority group, all of minority groups${half}`,
    ],
    ['chosen from', unitsText(trace)],
    ['gradients', sourceText(trace)],
    ...(perturbation ? [['neurons', perturbationText(perturbation, trace)] satisfies [string, string]] : []),
    [
      'random neurons',
      nullDraws === 0
        ? 'none'
        : `up to ${plural(nullDraws, 'set')} of each kind, perturbed in the same way on the same samples; a test stops once ${exceedances} are as far out on each side; p is two-sided, about their middle`,
    ],
    ...(precision
      ? [
          [
            'precision',
            `${precision.precision}, trained in ${precision.ofRun}: ${precision.changed} of ${precision.total} training predictions differ`,
          ] satisfies [string, string],
        ]
      : []),
    ['cost', work(cost)],
    ...(nullCost ? [['cost of random neurons', work(nullCost)] satisfies [string, string]] : []),
  ];
  return {
    caption: 'How it was measured',
    columns: [
      { name: 'what', text: true },
      { name: 'how', text: true },
    ],
    rows,
  };
}

function perturbationText(
  name: TraceUnstructuredResult['perturbation'],
  { seeds = [], repeats = {}, rewound }: Perturbed,
): string {
  const { method } = perturbationNamed(name).words;
  const fewer = Object.entries(repeats)
    .filter(([, count]) => count < seeds.length)
    .map(([criterion, count]) => `, ${criterion}: the first ${count}`);
  return [
    method,
    ...(rewound ? [`epoch ${rewound.epoch}, ${plural(rewound.epochs, 'epoch')} before the traced one`] : []),
    ...(seeds.length > 0
      ? [`mean over ${plural(seeds.length, 'seed')} of the draws (${seeds.join(', ')}${fewer.join('')})`]
      : []),
  ].join('; ');
}

/** `4800 neurons`, or `5308416 single weights` if these are the unit. */
export function unitsText({ numNeurons, unit }: Pick<SessionHeader, 'numNeurons' | 'unit'>): string {
  return plural(numNeurons, unit === 'weight' ? 'single weight' : 'neuron');
}

/** The samples on which gradients were taken. */
function sourceText({ gradientSource: source, loss, magnitudeLayers, heldOutHalf }: SessionHeader): string {
  const predicted = source.order === 'lowest-loss' ? 'best predicted' : 'worst predicted';
  const half = heldOutHalf === true ? ' in the half that neurons are chosen on' : '';
  const pool = `at most ${source.worst} ${predicted} training samples of the group${half}`;
  return [
    source.drawn < source.worst
      ? `at most ${plural(source.drawn, 'sample')}, drawn (seed ${source.seed}) from ${pool}`
      : pool,
    ...(loss === 'double-softmax' ? ['of the cross-entropy of the softmax as logits'] : []),
    ...(magnitudeLayers === 'no-downsample' ? ['magnitudes outside the downsample convolutions'] : []),
  ].join('; ');
}

/** The weights that were traced, by their file's hash. */
export function tracedWeights(checkpoint: string): Markup {
  return html`Traced weights: sha256 <code>${checkpoint.slice(0, 12)}</code>.`;
}
