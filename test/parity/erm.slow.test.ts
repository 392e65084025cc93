import { testErmRuns } from './ermRuns.js';

testErmRuns([['resnet18', 'cross-entropy']]);
