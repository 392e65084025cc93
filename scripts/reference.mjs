// docs/reference.md: commands, options, settings, the library's names and the files of a run, from the code. See docs.mjs.
import { readFile } from 'node:fs/promises';
import ts from 'typescript';
import { createProgram } from '../dist/cli/main.js';
import { withProtocolTables } from '../dist/cli/protocolTables.js';
import { markdown } from '../dist/cli/textTable.js';
import { FILE_SCHEMAS } from '../dist/report/fileSchemas.js';

const TEMPLATE = `# Reference

Every command, option, setting, library name and file. Made from the code by \`npm run docs\`: edit nothing here. [The guide](guide.md) shows how they are used.

## Commands

COMMANDS

## Settings

Settings of \`train\`, \`trace\`, \`gradcam\`, \`neurons\` and \`reproduce\`, with the article's and the published code's values ([two protocols](guide.md#two-protocols)). A star marks
a departure that changes results, a dash none. Settings in parentheses belong to the library alone. In the library and in studies, names are in camel case.

### Training

<!-- settings: training -->
<!-- end -->

### Tracing

Unstructured tracing, and what every trace takes:

<!-- settings: tracing -->
<!-- end -->

By layer (Fig. 7):

<!-- settings: structured -->
<!-- end -->

Agreement of criteria (Fig. 3):

<!-- settings: overlap -->
<!-- end -->

Memorized images, compared with others of the same margin:

<!-- settings: memorized -->
<!-- end -->

The fewest neurons that hold an example:

<!-- settings: minimal -->
<!-- end -->

Grad-CAM (Fig. 10):

<!-- settings: gradcam -->
<!-- end -->

Neurons:

<!-- settings: neurons -->
<!-- end -->

### Fine-tuning

<!-- settings: finetuning -->
<!-- end -->

### Baselines

Baselines take the settings of ERM (DFR only the precision), and their own:

<!-- settings: baselines -->
<!-- end -->

## Other options

OPTIONS

## Library

LIBRARY

## Files

The package has a JSON Schema for each of these files, in \`dist/schemas/\`:

FILES
`;

/** The text of docs/reference.md, before prettier. */
export async function reference() {
  const commands = await everyCommand();
  const library = await libraryTables();
  const tables = withProtocolTables(TEMPLATE);
  const settings = new Set([...tables.matchAll(/`(--[a-z-]+)`/g)].map(([, flag]) => flag));
  return tables
    .replace('COMMANDS', () => commandsTable(commands))
    .replace('OPTIONS', () => optionsTable(commands, settings))
    .replace('LIBRARY', () => library)
    .replace('FILES', () =>
      markdown(
        ['schema', 'file'],
        Object.entries(FILE_SCHEMAS).map(([name, { title }]) => [`\`${name}.json\``, escaped(title)]),
      ),
    );
}

/** All commands that run something, by their full names: each program loads one command's options. */
async function everyCommand() {
  const found = [];
  for (const { name } of (await createProgram([])).commands.map((command) => ({ name: command.name() }))) {
    if (name === 'help') continue;
    const command = (await createProgram([name])).commands.find((one) => one.name() === name);
    const runs = command.commands.length === 0 ? [command] : command.commands;
    for (const one of runs)
      found.push({ name: one === command ? name : `${name} ${one.name()}`, command: one });
  }
  return found;
}

function commandsTable(commands) {
  const rows = commands.map(({ name, command }) => [
    `\`${[name, ...command.registeredArguments.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`))].join(' ')}\``,
    escaped(command.description()),
  ]);
  return markdown(['command', 'what it does'], rows);
}

/** Options that no table of settings has: one row per flag and help, with the commands that take it. */
function optionsTable(commands, settings) {
  const rows = new Map();
  for (const { name, command } of commands) {
    const help = command.createHelp();
    for (const option of help.visibleOptions(command)) {
      if (option.long === '--help' || settings.has(option.long)) continue;
      // Every method has a default folder of its own.
      const text = help.optionDescription(option).replace(/(runs\/(?=[a-z]+-<)|<from>-)[a-z]+/, '$1METHOD');
      const key = `\`${option.flags}\`\n${escaped(text)}`;
      rows.set(key, [...(rows.get(key) ?? []), name]);
    }
  }
  const families = new Map();
  for (const { name } of commands) {
    const [family = ''] = name.split(' ');
    families.set(family, [...(families.get(family) ?? []), name]);
  }
  const takers = (names) => {
    if (names.length > commands.length - 4) return 'almost all';
    return [...families]
      .flatMap(([family, all]) => {
        const own = all.filter((name) => names.includes(name));
        if (own.length > all.length / 2 && all.length > 4)
          return `${family} (${own.length === all.length ? 'all' : 'most'})`;
        return own.length === all.length && all.length > 1 ? `${family} (all)` : own;
      })
      .join(', ');
  };
  const cells = [...rows].map(([key, names]) => [...key.split('\n'), takers(names)]);
  return markdown(['option', 'what it does', 'commands'], cells);
}

/** The library's names in the order of src/index.ts, with the first sentence of their docstrings. */
async function libraryTables() {
  const source = await readFile(new URL('../src/index.ts', import.meta.url), 'utf8');
  const path = new URL('../dist/index.d.ts', import.meta.url).pathname;
  const program = ts.createProgram([path], { module: ts.ModuleKind.NodeNext, skipLibCheck: true });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(path));
  const symbols = new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]));
  const sections = [...source.matchAll(/^\/\/ (.+)\n([\s\S]*?)(?=^\/\/ |$(?![\s\S]))/gm)];
  return sections
    .map(([, title, text]) => {
      const names = [
        ...new Set(
          [...text.matchAll(/^export (?:type )?(?:\{([^}]*)\}|(?:const|async function) (\w+))/gm)].flatMap(
            ([, list, one]) => one ?? list.split(',').map((name) => name.trim().replace(/^type /, '')),
          ),
        ),
      ];
      const rows = names
        .filter((name) => symbols.has(name))
        .map((name) => [`\`${name}\``, ...about(checker, symbols.get(name))]);
      return `${title}\n\n${markdown(['name', 'kind', 'what it is'], rows)}`;
    })
    .join('\n\n');
}

function about(checker, symbol) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const text = [symbol, target]
    .map((one) => ts.displayPartsToString(one.getDocumentationComment(checker)))
    .find((found) => found !== '');
  const kinds = [
    [ts.SymbolFlags.Class, 'class'],
    [ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias, 'type'],
    [ts.SymbolFlags.Function, 'function'],
  ];
  const isFunction =
    target.valueDeclaration && checker.getTypeOfSymbol(target).getCallSignatures().length > 0;
  const kind = isFunction ? 'function' : (kinds.find(([flags]) => target.flags & flags)?.[1] ?? 'value');
  return [kind, escaped(firstSentence(text ?? ''))];
}

/** The text up to the first full stop before a capital letter, so that "Fig. 7" does not end it. */
const firstSentence = (text) => /^[\s\S]*?\.(?= [A-Z`]|$)/.exec(text.replaceAll(/\s+/g, ' '))?.[0] ?? text;
const escaped = (text) => text.replaceAll('<', '\\<');
