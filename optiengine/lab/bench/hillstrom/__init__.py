"""Whom to send which e-mail, learned on half of Hillstrom's experiment and valued on the rest."""
