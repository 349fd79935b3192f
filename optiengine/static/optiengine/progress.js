// A bar that follows work going on elsewhere: asks its address once a second, reloads at the end.
document.querySelectorAll("[data-progress-url]").forEach((box) => {
  const bar = box.querySelector("[data-bar]");
  const text = box.querySelector("[data-text]");
  const ask = async () => {
    try {
      const answer = await fetch(box.dataset.progressUrl, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      const now = await answer.json();
      bar.style.width = `${100 * now.share}%`;
      bar.parentElement.setAttribute("aria-valuenow", Math.round(100 * now.share));
      text.textContent = now.text;
      if (now.finished) return window.location.reload();
    } catch {
      text.textContent = box.dataset.lost;
    }
    setTimeout(ask, 1000);
  };
  setTimeout(ask, 1000);
});
