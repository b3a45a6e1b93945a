"""What a monitoring app needs: access tokens, tickets, and CIM-XML with a ticket.

api      BrokerClient: tickets, hosts, issuances
tokens   how the client says who it is
witness  whether each ticket's receipt holds, and the log is the one it was
cim      CIM-XML to one host, its certificate pinned
sensors  what the host's sensors say
"""
