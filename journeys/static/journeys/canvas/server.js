/* Asking the server: JSON in, JSON out, and a sentence where neither comes. */
"use strict";

(() => {
  class Server {
    constructor({ urls, token, texts }) {
      Object.assign(this, { urls, token, texts });
    }

    /* {ok, status, ...answer}; `text` says what went wrong where ok is false. */
    async ask(name, body, signal) {
      const options = { headers: { Accept: "application/json" }, signal };
      if (body !== undefined) {
        options.method = "POST";
        options.headers["Content-Type"] = "application/json";
        options.headers["X-CSRFToken"] = this.token;
        options.body = JSON.stringify(body);
      }
      let reply;
      try {
        reply = await fetch(this.urls[name], options);
      } catch (error) {
        if (error.name === "AbortError") return { ok: false, aborted: true };
        return { ok: false, status: 0, text: this.texts.unreachable };
      }
      // A login page or an error page is no JSON: it is said, and nothing of the page is lost.
      const isJson = reply.headers.get("Content-Type")?.startsWith("application/json");
      if (!isJson) {
        const text = reply.redirected || reply.status === 403 ? this.texts.loggedOut : this.texts.failed;
        return { ok: false, status: reply.status, text };
      }
      return { ok: reply.ok, status: reply.status, ...(await reply.json()) };
    }
  }

  Object.assign(window.JourneyCanvas, { Server });
})();
