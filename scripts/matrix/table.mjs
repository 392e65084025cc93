// The table of docs/install.md, from the rows that scripts/matrix.sh wrote.
const HEAD = [
  ...['PyTorch', 'with CUDA', 'built in', 'addon’s tests', 'ResNet vs PyTorch', 'fine-tuning vs PyTorch'],
  ...['resume', 'two processes', 'device for tests', 'operators', 'training step', 'evaluation', 'on'],
];

const SUITES = ['native', 'resnet', 'finetune', 'resume', 'processes', 'device'];

/** @param rows the results of each version */
export function withMatrixTable(document, rows) {
  const sorted = [...rows].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  const table = [HEAD, HEAD.map(() => '---'), ...sorted.map(cellsOf)];
  const text = table.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return document.replace(/(<!-- matrix -->\n)[\s\S]*?(<!-- end -->)/, `$1\n${text}\n\n$2`);
}

function cellsOf(row) {
  const { name, version, cuda, seconds, loads, operators = '', tests = {}, speed = {}, cpu, error } = row;
  const title = name === 'debian13' ? `${version}, Debian 13` : version;
  if (error !== undefined)
    return [title, cuda ?? 'no', error.split('\n')[0], ...HEAD.slice(3).map(() => '-')];
  const all = operators.split('\n');
  const found = all.filter((line) => line.endsWith(' found') && !line.endsWith('not found')).length;
  return [
    ...[title, cuda ?? 'no', loads ? `${seconds} s` : 'does not load'],
    ...SUITES.map((suite) => outcome(tests[suite])),
    `${found} of ${all.length}`,
    ...['resnet18-erm-step', 'resnet18-forward'].map((of) =>
      speed[of] === undefined ? 'failed' : `${speed[of].toFixed(2)} times`,
    ),
    cpu,
  ];
}

function outcome({ passed, failed } = {}) {
  if (passed === undefined) return 'not run';
  return failed === 0 ? `${passed} pass` : `${failed} of ${passed + failed} fail`;
}
