import type { AtlasNeuron, AtlasResult, GroupActivation } from '../../../experiments/atlas/atlasResult.js';
import { largestBy } from '../../../metrics/statistics.js';
import { placeText } from '../../../neurons/neuron.js';
import type { FigureRow } from '../../figure.js';
import { fixed, MISSING, plural, points, pointsRange } from '../../format.js';
import { type Groups, shortList, starNote } from '../../groupLabels.js';
import { boundColumns, estimateColumns } from '../../rows.js';
import { type Cell, groupCell, numbers, type Table, texts, withDetail } from '../../table.js';

/** Training hardly moved a neuron whose weights it changed by less than this share of their initial norm. */
export const HARDLY = 0.05;

/** The rows of the atlas's CSV: one for each neuron and group. */
export function atlasRows({ neurons }: AtlasResult, groupNames: readonly string[]): FigureRow[] {
  return neurons.flatMap((neuron) =>
    neuron.groups.map((activation, group): FigureRow => {
      const zeroed = neuron.zeroed.groups[group];
      const strongest = neuron.strongestOfGroups[group]?.[0];
      return {
        layer: neuron.layer,
        index: neuron.index,
        role: neuron.role,
        chosenBy: neuron.chosenBy.map((one) => `${one.criterion} G${one.group} ${one.rank}`).join('; '),
        group,
        name: groupNames[group] ?? '',
        images: activation.images,
        ...estimateColumns('mean', activation.mean, activation.interval),
        ...estimateColumns('shift', activation.shift, activation.shiftInterval),
        ...boundColumns('randomShift', activation.random),
        strongest: strongest?.filename ?? '',
        activation: strongest?.activation ?? null,
        zeroedFrom: neuron.zeroed.trace ?? 'measured',
        total: zeroed?.total ?? null,
        accuracy: zeroed?.accuracy ?? null,
        ...estimateColumns('change', zeroed?.change, zeroed?.changeInterval),
        lost: zeroed?.lost ?? null,
        gained: zeroed?.gained ?? null,
        flips: neuron.flips.filter((flip) => flip.group === group).length,
        moved: neuron.moved?.distance ?? null,
        movedRank: neuron.moved?.rank ?? null,
      };
    }),
  );
}

/** A row a neuron. */
export function atlasTable(atlas: AtlasResult, groups: Groups): Table {
  return {
    caption: 'Neurons, each zeroed alone.',
    columns: [
      { name: 'Neuron' },
      ...texts('chosen for'),
      {
        name: 'group that stands out',
        text: true,
        explanation:
          'Group that stands out: the one whose mean activation lies furthest from that of all images, in standard deviations over images.',
      },
      {
        name: 'largest change',
        explanation: 'Largest change: of a group’s training accuracy in points, with its 95 % interval.',
      },
      { name: 'flips', explanation: 'Flips: predictions that differ without the neuron.' },
      {
        name: 'moved',
        explanation: 'Moved: how far training changed its weights, in percent of their initial norm.',
      },
    ],
    rows: atlas.neurons.map((neuron) => [
      { kind: 'code', text: placeText(neuron) },
      reasonText(neuron, groups),
      groupOutside(neuron, groups),
      largestZeroed(neuron, groups),
      String(neuron.flips.length),
      neuron.moved ? fixed(100 * neuron.moved.distance, 1) : MISSING,
    ]),
    notes: [...(atlas.showsImages ? [] : ['images are not shown, as was asked']), ...starNote(groups)],
  };
}

/** Why a neuron is there, in a few words. */
function reasonText({ role, chosenBy }: AtlasNeuron, groups: Groups): string {
  if (role === 'random') return 'random';
  if (role === 'asked') return 'asked for';
  const byCriterion = new Map<string, number[]>();
  for (const { criterion, group } of chosenBy) {
    byCriterion.set(criterion, [...(byCriterion.get(criterion) ?? []), group]);
  }
  return [...byCriterion].map(([criterion, of]) => `${criterion}: ${shortList(of, groups)}`).join('; ');
}

function groupOutside({ groups: activations }: AtlasNeuron, groups: Groups): Cell {
  const group = largestBy([...groups], ({ index }) => activations[index]?.shift ?? Number.NaN);
  const activation = activations[group?.index ?? -1];
  return group && activation ? [group.short, shiftText(activation)] : MISSING;
}

/** `+1.20`, in standard deviations over images. */
function shiftText({ shift }: GroupActivation): string {
  return `${shift > 0 ? '+' : ''}${fixed(shift, 2)}`;
}

function largestZeroed({ zeroed }: AtlasNeuron, groups: Groups): Cell {
  const group = largestBy([...groups], ({ index }) => zeroed.groups[index]?.change ?? Number.NaN);
  const of = zeroed.groups[group?.index ?? -1];
  if (!group || !of) return MISSING;
  return [`${points(of.change)} ${group.short}`, { kind: 'detail', text: pointsRange(of.changeInterval) }];
}

/** A neuron's activation, and what zeroing it does, by group. */
export function groupTable(neuron: AtlasNeuron, groups: Groups): Table {
  const interval = (ends: GroupActivation['interval'] | null, decimals: number): string =>
    ends?.every(Number.isFinite) === true
      ? `[${ends.map((end) => fixed(end, decimals)).join(', ')}]`
      : MISSING;
  return {
    caption: `${placeText(neuron)}: mean activation by group, and zeroing it.`,
    columns: [
      ...numbers('Group'),
      { name: 'mean', explanation: 'Mean: over images, of the mean over positions, with its 95 % interval.' },
      { name: 'beyond all images', explanation: 'Beyond all images: in standard deviations over images.' },
      {
        name: 'random neurons',
        explanation: 'Random neurons: the middle 95 % of that number over others of the layer.',
      },
      { name: 'change', explanation: 'Change: of the accuracy, in points, where it is zeroed.' },
      ...numbers('lost', 'gained'),
    ],
    rows: groups.flatMap((group) => {
      const activation = neuron.groups[group.index];
      const zeroed = neuron.zeroed.groups[group.index];
      if (!activation) return [];
      return [
        [
          groupCell(group),
          withDetail(fixed(activation.mean, 3), interval(activation.interval, 3)),
          withDetail(shiftText(activation), interval(activation.shiftInterval, 2)),
          interval(activation.random, 2),
          withDetail(points(zeroed?.change), pointsRange(zeroed?.changeInterval)),
          fixed(zeroed?.lost, 0),
          fixed(zeroed?.gained, 0),
        ],
      ];
    }),
  };
}

/** How often zeroing a neuron alone tells, and which ones training hardly moved. */
export function atlasVerdict({ neurons, initial }: AtlasResult): string[] {
  const tells = ({ zeroed }: AtlasNeuron): boolean =>
    zeroed.groups.some(({ changeInterval: [low, high] }) => low > 0 || high < 0);
  const random = neurons.filter(({ role }) => role === 'random');
  const others = neurons.filter(({ role }) => role !== 'random');
  const still = neurons.filter(({ moved }) => moved !== null && moved.distance < HARDLY);
  const chosen = others.some(({ role }) => role === 'chosen') ? 'chosen neurons' : 'neurons';
  const ofRandom =
    random.length === 0
      ? ''
      : `, and in ${random.filter(tells).length} of ${random.length} random ones of the same layers`;
  return [
    `Zeroing one neuron alone changes a group’s training accuracy beyond its 95 % interval in ${others.filter(tells).length} of ${others.length} ${chosen}${ofRandom}; not corrected for ${plural(neurons.length, 'neuron')}.`,
    ...(initial === null
      ? []
      : [
          `Training hardly moved ${still.length} of ${plural(neurons.length, 'neuron')}: their weights changed by less than ${fixed(100 * HARDLY, 0)} % of their initial norm.`,
        ]),
  ];
}
