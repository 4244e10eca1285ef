/** Tensor names as found in the wild -> one canonical form without prefix ("layers.3.mlp.gate.weight"). Pure. */

/** Longest first: the first that matches is removed. */
const prefixes = ["language_model.model.", "model.language_model.", "language_model.lm_head.", "model.", "lm_head."];

const skippedGroups: { what: string; pattern: RegExp }[] = [
  { what: "vision tower", pattern: /^(?:model\.|language_model\.)?(?:vision_tower|visual|vision_model)\./ },
  { what: "multi-token prediction head", pattern: /^(?:language_model\.|model\.)*mtp\./ },
];

/** The group a name belongs to when it is deliberately not read, else null. */
export function skippedGroup(name: string): string | null {
  return skippedGroups.find((group) => group.pattern.test(name))?.what ?? null;
}

/** Splits a checkpoint's name into prefix and canonical name; null when no known prefix fits. */
export function canonicalName(name: string): { prefix: string; canonical: string } | null {
  for (const prefix of prefixes) {
    if (!name.startsWith(prefix)) continue;
    const rest = name.slice(prefix.length);
    return prefix.endsWith("lm_head.") ? { prefix, canonical: `lm_head.${rest}` } : { prefix, canonical: rest };
  }
  return null;
}
