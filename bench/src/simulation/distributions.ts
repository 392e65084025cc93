import { randomGamma, randomLcg, randomNormal, randomUniform } from 'd3-random';

/** A source of values whose mean is 0 and whose standard deviation is 1. */
export interface Distribution {
  readonly name: string;
  readonly draw: () => number;
}

/** Normal, flat and skewed values; seeded. A gamma distribution's skewness is 2 / sqrt(shape). */
export function distributions(seed: number): readonly Distribution[] {
  const random = randomLcg(seed);
  const gamma = (shape: number): Distribution => {
    const draw = randomGamma.source(random)(shape);
    const skewness = 2 / Math.sqrt(shape);
    return {
      name: `gamma, skewness ${skewness.toFixed(1)}`,
      draw: () => (draw() - shape) / Math.sqrt(shape),
    };
  };
  return [
    { name: 'normal', draw: randomNormal.source(random)() },
    { name: 'uniform', draw: randomUniform.source(random)(-Math.sqrt(3), Math.sqrt(3)) },
    gamma(16),
    gamma(4),
  ];
}
