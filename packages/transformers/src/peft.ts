import { weightsDigest, type Files } from '@hadamard-adapter/core';
import { baseWeights } from '@hadamard-adapter/runtime/internal';
import { canonicalize, findSites, fromPeft, isPeftFolder } from '@hadamard-adapter/compiler/internal';
import type { Graph } from '@hadamard-adapter/graph/internal';

/**
 * An adapter folder of this project as it is, one of PEFT translated: IA³ on the output projection of attention, LN
 * tuning.
 *
 * @throws as `fromPeft`, for whatever has no place here.
 */
export async function ownFiles(files: Files, graph: Graph): Promise<Files> {
  if (!isPeftFolder(files)) return files;
  const canonical = canonicalize(graph);
  return fromPeft(files, {
    canonical,
    sites: findSites(canonical),
    digest: await weightsDigest(baseWeights(canonical.graph)),
  });
}
