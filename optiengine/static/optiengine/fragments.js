// Parts of a page that take longer than the page: fetched when it is there.
document.querySelectorAll("[data-fragment]").forEach(async (box) => {
  const answer = await fetch(box.dataset.fragment).catch(() => null);
  if (answer?.ok) box.innerHTML = await answer.text();
});
