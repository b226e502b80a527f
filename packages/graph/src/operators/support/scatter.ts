import { UnsupportedError } from '../../errors.js';
import { stringAttribute, type Node } from '../../ir/graph.js';

/** An index counted from the front. */
export const wrap = (index: number, size: number): number => (index < 0 ? index + size : index);

/** Whether a scatter adds to what was there; otherwise it replaces it. */
export function adds(node: Node): boolean {
  const reduction = stringAttribute(node, 'reduction', 'none');
  if (reduction === 'add' || reduction === 'none') return reduction === 'add';
  throw new UnsupportedError(`${node.op} "${node.name}" cannot be differentiated`, {
    code: 'GRADIENT_SCATTER',
    found: `reduction ${reduction}`,
    expected: 'none or add',
  });
}
