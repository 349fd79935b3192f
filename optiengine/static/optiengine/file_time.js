// The time at which a chosen file was last changed, as its browser knows it, goes with the upload.
document.addEventListener("change", (event) => {
  const file = event.target.files?.[0];
  const field = event.target.form?.elements.last_modified;
  if (file && field) field.value = String(file.lastModified);
});
