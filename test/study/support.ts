/** A small study, whose runs go into a folder. */
export const smallStudy = (folder: string, data: string): string => `
title: Dominoes
runs: ${folder}/runs
records: results
folder: '{data}-part2/{settings}/seed-{seed}'
seeds: [0, 1]
settings:
  data: { arch: resnet20, epochs: 2, batchSize: 42, lr: 0.001 }
  run: { kickInEpoch: 1, epochs: 1, batchSize: 42, fraction: 0.01 }
arms:
  late: &model { settings: { select: last }, folder: '{data}/{arm}-{seed}' }
  early: { <<: *model, settings: { select: last, epochs: 1 } }
  first: { of: late, epoch: 1 }
  ERM: { tune: { lr: [0.001] } }
  no mask: { method: finetune, from: ERM, settings: { criterion: none }, tune: { lr: [0.001, 0.0001] } }
tuning: { seeds: [5] }
traces:
  - { trace: effects, of: [early, first], settings: &sets { criteria: [gradient], topK: [2], samples: 8, nullDraws: 0 } }
  - trace: effects
    of: late
    split: [train, test]
    settings: { <<: *sets, nullDraws: 3, exceedances: 3, nulls: [same-layers] }
  - { trace: layers, of: late, settings: { criteria: [gradient], topK: [1], samples: 8, nullDraws: 0 } }
  - { trace: overlaps, of: late, settings: { fraction: 0.01 } }
  - { trace: margins, of: late }
  - { trace: perturbations, of: late, settings: *sets }
  - { trace: perturbations, of: late, settings: { <<: *sets, perturbation: noise, sigmas: [0.5], repeats: 1 } }
  - { trace: perturbations, of: late, settings: { <<: *sets, perturbation: reinit, sigmas: [0.5], repeats: 1 } }
  - { trace: heat, of: no mask, split: test, settings: { examples: 0 } }
  - { trace: figures, of: late, settings: { figures: [fig1] } }
tests:
  neurons:
    primary: [interaction, beyond same layers]
    of: late
    growth: [first, late]
    k: 2
    criteria: [gradient]
    minorityGroups: { 1: 0, 2: 3 }
    equivalence: 0.25
    leastModels: 2
    sigma: 0.5
  arms: { reference: ERM, focus: no mask, primary: [ERM], equivalence: 3 }
data:
  dominoes:
    { path: ${data}, models: { arms: [late, early, first] }, compared: { arms: [ERM, no mask], tested: true } }
`;
