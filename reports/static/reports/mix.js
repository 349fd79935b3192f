// The panel of a campaign's mix, fetched again for the micro-segment that was picked.
document.getElementById("mix").addEventListener("change", async (event) => {
  if (!event.target.matches("select[name=micro_segment]")) return;
  const box = event.currentTarget;
  const wanted = new URLSearchParams({ micro_segment: event.target.value });
  const answer = await fetch(`${box.dataset.fragment}?${wanted}`).catch(() => null);
  if (answer?.ok) box.innerHTML = await answer.text();
});
