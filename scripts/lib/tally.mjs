// Counts of a test run: { name, passed, failed, skipped }.

export function total(tallies) {
  const sum = { name: "total", passed: 0, failed: 0, skipped: 0 };
  for (const tally of tallies) for (const key of ["passed", "failed", "skipped"]) sum[key] += tally[key];
  return sum;
}

/** The line every test command here ends with. */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
