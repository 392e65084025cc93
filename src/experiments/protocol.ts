import type { Criterion } from '../neurons/neuron.js';
import { requireGradientSource, type GradientSource } from '../neurons/score.js';
import type { MagnitudeLayers } from '../neurons/select.js';
import type { Protocol } from '../protocol.js';
import { ARTICLE_PERTURBATION } from './articlePerturbation.js';

/** What a trace takes where it is not told otherwise. */
export interface TraceDefaults {
  readonly gradientSource: GradientSource;
  readonly magnitudeLayers: MagnitudeLayers;
  /** Seeds that random initialization and noise are averaged over. */
  readonly repeats: Readonly<Record<Criterion, number>>;
}

/**
 * The article's traces (Methods), and those of the published code.
 *
 * The published code has two ways to pick a gradient's samples. The one without groups sorts losses the wrong way and
 * takes the lowest; the one by group sorts them right. Every trace here goes by group, so that `released` takes the highest
 * too, and `lowest-loss` is there to measure what the other way does.
 */
export const TRACE_DEFAULTS: Readonly<Record<Protocol, TraceDefaults>> = {
  article: {
    gradientSource: { worst: 256, drawn: 128, order: 'highest-loss' },
    magnitudeLayers: 'all',
    repeats: { gradient: ARTICLE_PERTURBATION.repeats, magnitude: ARTICLE_PERTURBATION.repeats },
  },
  released: {
    gradientSource: { worst: 200, drawn: 200, order: 'highest-loss' },
    magnitudeLayers: 'no-downsample',
    repeats: { gradient: 3, magnitude: 10 },
  },
};

/** The gradient's source, as far as it was asked for. */
export type GradientSourceOptions = {
  readonly [Name in keyof GradientSource]?: GradientSource[Name] | undefined;
};

/**
 * The gradient's source: what was asked for, and the protocol's for the rest.
 *
 * @throws `USAGE` when a number is no positive integer, or more samples are drawn than there are to draw from
 */
export function gradientSourceOf(
  protocol: Protocol,
  { worst, drawn, order }: GradientSourceOptions = {},
): GradientSource {
  const defaults = TRACE_DEFAULTS[protocol].gradientSource;
  const source: GradientSource = {
    worst: worst ?? defaults.worst,
    drawn: drawn ?? defaults.drawn,
    order: order ?? defaults.order,
  };
  requireGradientSource(source);
  return source;
}
