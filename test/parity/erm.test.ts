import { testErmRuns } from './ermRuns.js';

testErmRuns([['resnet20', 'double-softmax']]);
