"""Kinds of events for orders that are no revenue, or not yet: the next export says when they are.

Only `order` and returns count as money (segments.event_money). An order that is cancelled keeps its
id, so importing it again takes its revenue back.
"""

from collections.abc import Iterable

ORDER, PENDING, CANCELLED, REFUNDED = (
    "order",
    "order_pending",
    "order_cancelled",
    "order_refunded",
)


# What a column of kinds calls an order and a return, where it is no column of states.
KINDS = dict.fromkeys(
    (
        *("sale", "sales", "purchase", "purchased", "bestellung", "verkauf", "kauf", "commande"),
        *("vente", "achat", "pedido", "venta", "compra", "encomenda", "venda", "ordine", "vendita"),
        *("zamówienie", "sprzedaż"),
    ),
    ORDER,
) | dict.fromkeys(
    (
        *(
            "returned",
            "refunded",
            "credit note",
            "credit memo",
            "retoure",
            "rückgabe",
            "gutschrift",
        ),
        *("remboursement", "retour", "avoir", "devolución", "reembolso", "devolução", "estorno"),
        *("reso", "rimborso", "zwrot"),
    ),
    "return",
)
# What shops call the states, in the languages of their administration.
STATES = (
    dict.fromkeys(
        (
            *("complete", "completed", "processing", "paid", "partially paid", "fulfilled"),
            *("shipped", "partially shipped", "dispatched", "delivered", "partially refunded"),
            *("partial refunded", "abgeschlossen", "vollständig", "in bearbeitung", "bezahlt"),
            *("versendet", "versandt", "geliefert", "terminée", "terminé", "complète", "en cours"),
            *("en cours de traitement", "payée", "payé", "expédiée", "expédié", "livrée", "livré"),
            *("completado", "completada", "completo", "procesando", "en proceso", "pagado"),
            *("pagada", "enviado", "enviada", "entregado", "entregada", "concluído", "concluída"),
            *("completa", "processando", "em processamento", "a processar", "pago", "paga"),
            *("entregue", "completato", "in lavorazione", "in elaborazione", "pagato", "spedito"),
            *("consegnato", "afgerond", "voltooid", "in behandeling", "betaald", "verzonden"),
            *("compleet", "zrealizowane", "w trakcie realizacji", "opłacone", "wysłane"),
        ),
        ORDER,
    )
    | dict.fromkeys(
        (
            *("pending", "pending payment", "awaiting payment", "on hold", "unpaid", "authorized"),
            *("payment review", "in wartestellung", "zahlung ausstehend", "ausstehend"),
            *("en attente", "en attente de paiement", "attente de paiement", "attente paiement"),
            *("pendiente", "pendiente de pago", "en espera", "pendente", "pagamento pendente"),
            *("pendente de pagamento", "aguardando", "aguardando pagamento", "em espera"),
            *("in sospeso", "in attesa", "in attesa di pagamento", "in de wacht"),
            *("wacht op betaling", "wachtend op betaling", "wstrzymane"),
            *("oczekujące na płatność", "oczekuje na płatność"),
        ),
        PENDING,
    )
    | dict.fromkeys(
        (
            *("cancelled", "canceled", "failed", "voided", "expired", "storniert", "abgebrochen"),
            *("fehlgeschlagen", "annulée", "annulé", "échouée", "échoué", "cancelado"),
            *("cancelada", "fallido", "fallida", "falhado", "falhada", "malsucedido"),
            *("annullato", "fallito", "geannuleerd", "mislukt", "anulowane", "nieudane"),
        ),
        CANCELLED,
    )
    | dict.fromkeys(
        (
            *("refunded", "erstattet", "rückerstattet", "zurückerstattet", "remboursée"),
            *("remboursé", "reembolsado", "reembolsada", "rimborsato", "terugbetaald", "zwrócone"),
        ),
        REFUNDED,
    )
)


def kinds(
    *,
    paid: Iterable[str],
    pending: Iterable[str] = (),
    cancelled: Iterable[str] = (),
    refunded: Iterable[str] = (),
) -> dict[str, str]:
    """Kinds by what a system calls the state of an order."""
    return (
        dict.fromkeys(paid, ORDER)
        | dict.fromkeys(pending, PENDING)
        | dict.fromkeys(cancelled, CANCELLED)
        | dict.fromkeys(refunded, REFUNDED)
    )
