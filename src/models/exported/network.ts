import { native, type Network, type NetworkOptions, type Tensor } from '../../native/addon.js';
import { linearInitial } from '../../native/planBuilder.js';
import type { Program } from './program.js';

/** The network of a program, with weights of zero but for the head's, which are drawn as torch.nn.Linear draws them. */
export async function createProgramNetwork(
  { plan, head, file }: Program,
  { numClasses, ...options }: Omit<NetworkOptions, 'plan'> & { readonly numClasses: number },
): Promise<Network> {
  const tensors: Tensor[] = [];
  try {
    const inputs = [];
    for (const input of plan.inputs) {
      const isHead = input.name === `${head.name}.weight` || input.name === `${head.name}.bias`;
      const { shape, data } = (input.kind === 'constant' ? file.constants[input.name] : undefined) ?? {};
      if (isHead) inputs.push({ ...input, shape: [numClasses, ...input.shape.slice(1)] });
      else if (shape === undefined || data === undefined) inputs.push(input);
      else {
        const constant = await native().tensor(data, shape, 'cpu');
        tensors.push(constant);
        inputs.push({ ...input, constant });
      }
    }
    const initial = linearInitial(head.name, head.features);
    return await native().createNetwork({ ...options, plan: { ...plan, inputs, initial } });
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
}
