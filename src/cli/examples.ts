import type { Command } from 'commander';
import { commandName } from './usage.js';

/** Examples of commands, by the commands' names. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  init: ['init', 'init --data pets --attribute places.csv --arch resnet18 --out pets.yaml'],
  'reproduce quickstart': ['reproduce quickstart', 'reproduce quickstart --data data --out runs/quickstart'],
  'reproduce fig10': ['reproduce fig10 --run runs/erm-finetune --compare runs/erm'],
  'reproduce part1': ['reproduce part1 --run runs/erm', 'reproduce part1 --run runs/erm --dry-run'],
  'dataset dominoes': ['dataset dominoes --data data/dominoes'],
  'dataset compose': [
    'dataset compose --data mine --foregrounds birds --table birds/birds.csv --scenes places --classes land=hen,owl water=gull,tern --places land=forest water=sea,lake',
  ],
  'dataset import': [
    'dataset import waterbirds-parquet --class-column y --attribute-column place',
    'dataset import shards --data data/shards',
  ],
  'dataset inspect': [
    'dataset inspect --data waterbirds',
    'dataset inspect --data mine --format csv --columns filename=image,y=label,a=place,split=fold',
  ],
  'fetch waterbirds': ['fetch waterbirds', 'fetch waterbirds --from waterbirds.tar.gz'],
  'model inspect': ['model inspect convnext_tiny.pt2'],
  export: ['export --run runs/erm-dfr --hf models/repaired'],
  adopt: [
    'adopt --data waterbirds --weights models/google-vit',
    'adopt --data waterbirds --weights my.pth --arch resnet50',
    'adopt --data waterbirds --weights levit.pt2',
    'adopt --data pets --weights resnet50-imagenet.pth --classes 281,207 --preprocessing imagenet',
  ],
  'train erm': [
    'train erm --data waterbirds --weights resnet50.pth',
    'train erm --data waterbirds --arch convnext_tiny.pt2',
    'train erm --data waterbirds --config runs/erm-waterbirds/config.json --seed 1 --out runs/erm-1',
    'train erm --data waterbirds --arch vit_small_patch16_224 --batch-size 64 --dry-run',
  ],
  'trace unstructured': [
    'trace unstructured --run runs/erm',
    'trace unstructured --run runs/erm --dry-run',
    'trace unstructured --run runs/erm --perturbation noise --sigmas 0.005,0.01 --top-k 3 --split test',
  ],
  'trace structured': ['trace structured --run runs/erm --null-draws 0'],
  'trace overlap': ['trace overlap --run runs/erm --fraction 0.001'],
  'trace minimal': ['trace minimal --run runs/erm --examples 8'],
  gradcam: ['gradcam --run runs/erm-finetune --compare runs/erm --samples 64'],
  neurons: ['neurons --run runs/erm', "neurons --run runs/erm --neurons 'conv1[9]' 'conv1[63]'"],
  discover: [
    'discover --run runs/erm',
    'discover --data pets --weights resnet18.pth --arch resnet18',
    'discover --out pets.discover --test snow --class cat --answers snow.csv',
  ],
  'study run': [
    'study run table8 --data waterbirds --set settings.data.weights=resnet50.pth',
    'study run study.yaml --jobs 2',
    'study run study.yaml --index 0,1',
  ],
  'study plan': ['study plan study.yaml --slurm submit.sh'],
  'study status': ['study status study.yaml'],
  'study tables': ['study tables studies/photographs/study.yaml --on birds'],
  'study report': ['study report study.yaml --to page'],
  runs: ['runs', 'runs --sort test-worst --filter method=erm seed=0', 'runs --in studies --json'],
  compare: ['compare runs/erm runs/erm-finetune', 'compare runs/erm-* --format markdown'],
  memorization: ['memorization runs/half-* --csv memorization.csv'],
  evaluate: ['evaluate --run runs/erm --split test', 'evaluate --run runs/erm --split test --epoch 40'],
  report: ['report --run runs/erm'],
  card: ['card --run runs/erm', 'card --run runs/erm/seed-* --out card --no-weights'],
  doctor: ['doctor'],
  build: ['build', 'build --libtorch /opt/libtorch'],
  completion: ['completion bash > ~/.local/share/bash-completion/completions/spurmem', 'completion zsh'],
};

/** Returns examples of a command that has none of its own. */
function familyExamples(name: string, command: Command): readonly string[] {
  const has = (flag: string): boolean => command.options.some(({ long }) => long === flag);
  const onData = `${name} --data waterbirds --weights resnet50.pth`;
  if (name.startsWith('fetch ')) return [name];
  if (name.startsWith('train ')) return [has('--from') ? `${name} --from runs/erm` : onData];
  return [`${name} --run runs/erm`];
}

/** Adds a command's examples below its help. */
export function addExamples(command: Command): void {
  if (!command.parent || command.commands.length > 0) return;
  const examples = examplesOf(commandName(command), command);
  const word = examples.length === 1 ? 'Example' : 'Examples';
  command.addHelpText('after', `\n${word}:\n${examples.map((example) => `  spurmem ${example}`).join('\n')}`);
}

/** Returns a command's examples, without the program's name. */
export function examplesOf(name: string, command: Command): readonly string[] {
  return EXAMPLES[name] ?? familyExamples(name, command);
}
